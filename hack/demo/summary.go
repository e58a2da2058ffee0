package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rcroll/rcroll/test/observe"
)

// readiness is the time after which a pod of the local control plane is ready.
const readiness = time.Second

// scene is the measurement of one rollout.
type scene struct {
	name   string
	result observe.Result
	bounds observe.Bounds

	// steps is the minimum number of consecutive steps of the rollout; 0 if it was
	// cancelled, which has no minimum.
	steps int

	cancelled bool
}

// broken returns the promises that were not kept.
func (s scene) broken() []error {
	var problems []error
	violations := s.result.Check(s.bounds)
	if s.cancelled {
		violations = append(violations, s.result.CheckCancel()...)
	}
	for _, violation := range violations {
		problems = append(problems, violation)
	}
	if left := traces(s.result.Last()); len(left) > 0 {
		problems = append(problems, fmt.Errorf("P5: left behind: %s", strings.Join(left, ", ")))
	}
	return problems
}

// seconds returns the time from the request to its end.
func (s scene) seconds() float64 {
	var begin, end time.Time
	for _, moment := range s.result.Moments {
		pending := moment.RC != nil && moment.RC.Requested() != ""
		if pending && begin.IsZero() {
			begin = moment.At
		}
		if !pending && !begin.IsZero() && end.IsZero() {
			end = moment.At
		}
	}
	return end.Sub(begin).Seconds()
}

func (s scene) lowerBound() string {
	if s.steps == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f (%d steps × %s)", float64(s.steps)*readiness.Seconds(), s.steps, readiness)
}

// summarize prints the measurements, and returns an error that names the broken
// promises.
func summarize(out io.Writer, scenes ...scene) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	row := func(name string, value func(scene) any) {
		_, _ = fmt.Fprint(table, name)
		for _, s := range scenes {
			_, _ = fmt.Fprintf(table, "\t%v", value(s))
		}
		_, _ = fmt.Fprintln(table)
	}
	_, _ = fmt.Fprintln(out)
	row("ROLLING UPDATE", func(s scene) any { return s.name })
	row("lowest available", func(s scene) any { return s.result.LowestAvailable() })
	row("highest pods", func(s scene) any { return s.result.HighestPods() })
	row("pods created", func(s scene) any { return len(s.result.Created()) })
	row("pods deleted", func(s scene) any { return len(s.result.Deleted()) })
	row("same UID and age", func(s scene) any { return kept(s.result) })
	row("seconds", func(s scene) any { return fmt.Sprintf("%.1f", s.seconds()) })
	row("lower bound", func(s scene) any { return s.lowerBound() })
	row("promises", func(s scene) any {
		if len(s.broken()) > 0 {
			return "BROKEN"
		}
		return "kept"
	})
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the summary: %w", err)
	}
	var problems []error
	for _, s := range scenes {
		for _, problem := range s.broken() {
			problems = append(problems, fmt.Errorf("%s: %w", s.name, problem))
		}
	}
	return errors.Join(problems...)
}

func kept(result observe.Result) string {
	first, last := result.Moments[0].RC, result.Last().RC
	if first != nil && last != nil && first.UID == last.UID && first.CreationTimestamp.Equal(&last.CreationTimestamp) {
		return "yes"
	}
	return "no"
}

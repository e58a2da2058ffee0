package api

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
)

// Step is one of a rollout in steps: to grow to a size, or to pause. Steps are counted
// from 1.
type Step struct {
	// Size is up to how many pods the new ReplicationController grows: a number, or a
	// percentage of the desired replicas, rounded up. It is read unless Pause is set.
	Size intstr.IntOrString

	// Pause keeps the rollout at the size that it has: for Duration or, if that is 0,
	// until it is approved.
	Pause    bool
	Duration time.Duration
}

// maxSteps is more than anybody wants to approve.
const maxSteps = 50

const pauseWord = "pause"

// ParseSteps reads the value of the steps annotation: sizes and pauses, separated by
// commas, such as "1,pause,50%,pause=10m". Sizes must increase as far as that can be
// told, which is not the case between a number and a percentage; no pause may follow
// another one, and there must be a step.
func ParseSteps(text string) ([]Step, error) {
	words := strings.Split(text, ",")
	if len(words) > maxSteps {
		return nil, fmt.Errorf("must not have more than %d steps", maxSteps)
	}
	steps := make([]Step, 0, len(words))
	for i, word := range words {
		step, err := parseStep(strings.TrimSpace(word))
		if err == nil {
			err = step.follows(steps)
		}
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// FormatSteps is the value of the steps annotation: ParseSteps of it gives the steps.
func FormatSteps(steps []Step) string {
	words := make([]string, len(steps))
	for i, step := range steps {
		words[i] = step.String()
	}
	return strings.Join(words, ",")
}

// String is the step as it is written in the steps annotation.
func (s Step) String() string {
	switch {
	case s.Pause && s.Duration > 0:
		return pauseWord + "=" + short(s.Duration)
	case s.Pause:
		return pauseWord
	}
	return s.Size.String()
}

// short writes 10m for 10m0s, and 1h for 1h0m0s.
func short(duration time.Duration) string {
	text := duration.String()
	if whole, zero := strings.CutSuffix(text, "m0s"); zero {
		text = whole + "m"
	}
	if whole, zero := strings.CutSuffix(text, "h0m"); zero {
		text = whole + "h"
	}
	return text
}

// Replicas is the size of a step in pods: at most desired.
func (s Step) Replicas(desired int32) int32 {
	return int32(min(int64(desired), Pods(s.Size, desired, true))) //nolint:gosec // at most desired
}

func parseStep(word string) (Step, error) {
	kind, value, timed := strings.Cut(word, "=")
	if kind != pauseWord {
		size, err := parseSize(word)
		return Step{Size: size}, err
	}
	if !timed {
		return Step{Pause: true}, nil
	}
	duration, err := time.ParseDuration(value)
	if err != nil || duration < time.Second || duration > maxDuration {
		return Step{}, fmt.Errorf(`%q must be %q, or with a duration from 1s to %dh, such as "pause=10m"`, word, pauseWord, maxDuration/time.Hour)
	}
	return Step{Pause: true, Duration: duration}, nil
}

func parseSize(word string) (intstr.IntOrString, error) {
	digits, percent := strings.CutSuffix(word, "%")
	most := int64(maxPods)
	if percent {
		most = 100
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	switch {
	case err != nil || n < 0 || n > most || strings.HasPrefix(digits, "+"):
		return intstr.IntOrString{}, fmt.Errorf(`%q must be a number of pods from 0 to %d, a percentage from 0%% to 100%%, %q or "pause=DURATION"`, word, maxPods, pauseWord)
	case percent:
		return intstr.FromString(strconv.FormatInt(n, 10) + "%"), nil
	}
	return intstr.FromInt32(int32(n)), nil
}

// follows returns an error if the step makes no sense after those before it.
func (s Step) follows(before []Step) error {
	if s.Pause {
		if len(before) > 0 && before[len(before)-1].Pause {
			return fmt.Errorf("%q follows a pause: a pause must follow a number of pods or a percentage", s)
		}
		return nil
	}
	for _, earlier := range before {
		if !earlier.Pause && earlier.Size.Type == s.Size.Type && Pods(s.Size, maxPods, true) <= Pods(earlier.Size, maxPods, true) {
			return fmt.Errorf("%q must be more than %q before it", s, earlier)
		}
	}
	return nil
}

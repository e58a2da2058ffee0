package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rcroll/rcroll/hack/bench/internal/audit"
	"github.com/rcroll/rcroll/hack/bench/internal/report"
	"github.com/rcroll/rcroll/hack/bench/internal/workload"
)

// guardRollouts is the number of rollouts that are counted. The lowest count of each
// kind is compared, because a conflict, which is a matter of chance, adds a write.
const guardRollouts = 3

// guarded are the clients whose requests come from a rollout and from nothing else.
var guarded = []string{"rcroll agent", "rcroll webhook", "replication-controller", "generic-garbage-collector"}

// expectation is the content of the -expected file.
type expectation struct {
	// Requests of a rollout of 5 pods, at most.
	Requests []report.Requests `json:"requests"`

	// Passes are the agent's reconciliations, Reviews the webhook's.
	Passes  int `json:"passes"`
	Reviews int `json:"reviews"`
}

// guard compares the number of requests of a small rollout with those in the file, or
// writes them to it.
func (b *bench) guard(ctx context.Context, file string, update bool) error {
	measured, err := b.countRollout(ctx)
	if err != nil {
		return err
	}
	if update {
		return measured.withRoom().save(file)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the expected numbers: %w", err)
	}
	var expected expectation
	if err := json.Unmarshal(content, &expected); err != nil {
		return fmt.Errorf("parse %s: %w", file, err)
	}
	return expected.check(measured)
}

// countRollout rolls 5 pods a few times.
func (b *bench) countRollout(ctx context.Context) (expectation, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := b.enter(ctx, rollouts{name: "quick", size: 1, replicas: 5, maxSurge: "1", maxUnavailable: "0"}.fleet(workload.RC))
	if err != nil {
		return expectation{}, err
	}
	var passes, reviews []int
	for range guardRollouts {
		before, err := b.meters(ctx)
		if err != nil {
			return expectation{}, err
		}
		run, err := c.roll(ctx)
		if err != nil {
			return expectation{}, err
		}
		after, err := b.meters(ctx)
		if err != nil {
			return expectation{}, err
		}
		passes, reviews = append(passes, run.Passes), append(reviews, int(after.reviews-before.reviews))
		b.progress("  %.2f s, %d writes, %d of events, %d reads, %d passes, %d reviews",
			run.Seconds, run.Writes, run.EventWrites, run.Reads, run.Passes, reviews[len(reviews)-1])
	}
	return expectation{Requests: fewest(c.requests), Passes: slices.Min(passes), Reviews: slices.Min(reviews)}, nil
}

// fewest returns the lowest count of each kind.
func fewest(rollouts []audit.Counts) []report.Requests {
	var requests []report.Requests
	for _, key := range audit.Keys(rollouts...) {
		if !slices.Contains(guarded, key.Who) {
			continue
		}
		least := slices.MinFunc(rollouts, func(a, b audit.Counts) int { return a[key] - b[key] })[key]
		if least > 0 {
			requests = append(requests, report.Requests{Key: key, Count: float64(least)})
		}
	}
	return requests
}

// withRoom adds room where counts are a matter of chance: how often the manager
// updates a status, what that triggers, and whether it is in the way of the garbage
// collector, which removes its finalizer in vain then.
func (e expectation) withRoom() expectation {
	for i, requests := range e.Requests {
		read := !requests.IsWrite() && requests.Verb != audit.DryRun
		status := strings.HasSuffix(requests.Resource, "/status") && requests.Who == "replication-controller"
		finalizer := requests.Who == "generic-garbage-collector" && requests.Resource == "replicationcontrollers"
		if read || status || finalizer || requests.Resource == audit.Events {
			e.Requests[i].Count = room(requests.Count)
		}
	}
	e.Passes = int(room(float64(e.Passes)))
	return e
}

// room is half as much again, plus one.
func room(count float64) float64 { return float64(int(count*1.5) + 1) }

func (e expectation) save(file string) error {
	content, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return fmt.Errorf("encode the expected numbers: %w", err)
	}
	if err := os.WriteFile(file, append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the expected numbers: %w", err)
	}
	return nil
}

// check returns an error that names everything that has grown.
func (e expectation) check(measured expectation) error {
	limits := map[audit.Key]float64{}
	for _, requests := range e.Requests {
		limits[requests.Key] = requests.Count
	}
	var grown []error
	compare := func(what string, count, limit float64) {
		if count > limit {
			grown = append(grown, fmt.Errorf("%s: %.0f, expected at most %.0f", what, count, limit))
		}
	}
	for _, requests := range measured.Requests {
		what := fmt.Sprintf("%s: %s %s", requests.Who, requests.Verb, requests.Resource)
		compare(what, requests.Count, limits[requests.Key])
	}
	compare("passes of the agent", float64(measured.Passes), float64(e.Passes))
	compare("reviews of the webhook", float64(measured.Reviews), float64(e.Reviews))
	if len(grown) == 0 {
		return nil
	}
	return fmt.Errorf("a rollout of 5 pods takes more requests than before:\n%w\nIf that is intended, update the expected numbers "+
		"(make bench-quick BENCHFLAGS=-update) and explain it in the commit message", errors.Join(grown...))
}

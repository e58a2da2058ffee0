package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rcroll/rcroll/hack/bench/internal/audit"
	"github.com/rcroll/rcroll/hack/bench/internal/plane"
	"github.com/rcroll/rcroll/hack/bench/internal/report"
	"github.com/rcroll/rcroll/hack/bench/internal/workload"
)

const (
	// runTimeout bounds one rollout of a fleet, and its creation.
	runTimeout = 10 * time.Minute

	// quietFor is how long there must be no write in the namespace before the
	// requests of a rollout are counted: events come late. settleTimeout bounds that
	// wait.
	quietFor      = 2 * time.Second
	settleTimeout = time.Minute
)

// rollouts compares fleets that differ in nothing but their kind.
type rollouts struct {
	name                     string
	size, replicas           int
	maxSurge, maxUnavailable string
	floorSeconds             float64
}

func (r rollouts) cell() cell {
	return cell{name: r.name, measure: func(ctx context.Context, b *bench, results *report.Results) error {
		cell, err := b.compare(ctx, r)
		if err == nil {
			results.Put(cell)
		}
		return err
	}}
}

func (r rollouts) fleet(kind workload.Kind) workload.Fleet {
	return workload.Fleet{
		Kind: kind, Namespace: fmt.Sprintf("bench-%s-%s", r.name, kind),
		Size: r.size, Replicas: r.replicas, MaxSurge: r.maxSurge, MaxUnavailable: r.maxUnavailable,
	}
}

// contestant is a fleet that rolls again and again, each time to a new image: with an
// image that it had before, a Deployment would reuse the ReplicaSet.
type contestant struct {
	*bench
	fleet    workload.Fleet
	tracker  *workload.Tracker
	log      *audit.Log
	rolls    int
	requests []audit.Counts
}

// compare rolls both fleets in turn, and alternates which of them begins.
func (b *bench) compare(ctx context.Context, r rollouts) (report.Rollouts, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result := report.Rollouts{
		Name: r.name, Measured: measured(), Size: r.size, Replicas: r.replicas,
		MaxSurge: r.maxSurge, MaxUnavailable: r.maxUnavailable, FloorSeconds: r.floorSeconds,
	}
	rc, err := b.enter(ctx, r.fleet(workload.RC))
	if err != nil {
		return result, err
	}
	deployment, err := b.enter(ctx, r.fleet(workload.Deployment))
	if err != nil {
		return result, err
	}
	for i := range b.pairs {
		var pair report.Pair
		peak := b.watchPeaks(ctx)
		first := func() (err error) { pair.RC, err = rc.roll(ctx); return }
		second := func() (err error) { pair.Deployment, err = deployment.roll(ctx); return }
		if i%2 == 1 {
			first, second = second, first
		}
		if err := first(); err != nil {
			return result, err
		}
		if err := second(); err != nil {
			return result, err
		}
		peak(&result)
		result.Pairs = append(result.Pairs, pair)
		b.progress("  pair %d of %d: rcroll %.2f s, %d writes; Deployment %.2f s, %d writes", i+1, b.pairs,
			pair.RC.Seconds, pair.RC.Writes, pair.Deployment.Seconds, pair.Deployment.Writes)
	}
	result.RequestsRC, result.RequestsDeployment = medians(rc.requests), medians(deployment.requests)
	return result, nil
}

// enter creates a fleet and waits until its pods are available.
func (b *bench) enter(ctx context.Context, fleet workload.Fleet) (*contestant, error) {
	log, err := audit.Open(b.plane.AuditDir())
	if err != nil {
		return nil, err
	}
	c := &contestant{bench: b, fleet: fleet, log: log}
	if c.tracker, err = workload.Track(ctx, b.plane.Client, fleet); err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	wait := c.tracker.Expect(c.image())
	if err := fleet.Create(bounded, b.plane.Client, c.image(), nil); err != nil {
		return nil, err
	}
	if _, err := wait(bounded); err != nil {
		return nil, fmt.Errorf("wait for %s: %w", fleet.Namespace, err)
	}
	_, _, err = c.settle(ctx)
	return c, err
}

func (c *contestant) image() string { return fmt.Sprintf("registry.local/app:v%d", c.rolls+1) }

// roll measures one rollout.
func (c *contestant) roll(ctx context.Context) (report.Run, error) {
	before, err := c.meters(ctx)
	if err != nil {
		return report.Run{}, err
	}
	idle, err := c.cpu()
	if err != nil {
		return report.Run{}, err
	}
	if err := c.log.Skip(); err != nil {
		return report.Run{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	c.rolls++
	wait := c.tracker.Expect(c.image())
	if err := c.fleet.Edit(bounded, c.plane.Client, c.image()); err != nil {
		return report.Run{}, err
	}
	times, err := wait(bounded)
	if err != nil {
		return report.Run{}, fmt.Errorf("wait for %s: %w", c.fleet.Namespace, err)
	}
	counts, refused, err := c.settle(ctx)
	if err != nil {
		return report.Run{}, err
	}
	cpu, err := c.cpu()
	if err != nil {
		return report.Run{}, err
	}
	for component := range cpu {
		cpu[component] -= idle[component]
	}
	after, err := c.meters(ctx)
	if err != nil {
		return report.Run{}, err
	}
	c.requests = append(c.requests, counts)
	return report.Run{
		Seconds:        slices.Max(times.Done).Seconds(),
		UpdatedSeconds: slices.Max(times.Updated).Seconds(),
		MedianSeconds:  report.MedianOf(times.Done).Seconds(),
		Writes:         counts.Writes(), EventWrites: counts.EventWrites(), Reads: counts.Reads(), Refused: refused,
		RequestBytes: int64(after.requestBytes - before.requestBytes),
		StoredBytes:  int64(after.storedBytes - before.storedBytes),
		Passes:       int(after.passes - before.passes),
		CPU:          cpu,
	}, nil
}

// settle waits until nothing more is written in the namespace, and counts the requests
// since the log was last read, except the benchmark's own reads.
func (c *contestant) settle(ctx context.Context) (counts audit.Counts, refused int, err error) {
	counts = audit.Counts{}
	begin, quiet := time.Now(), time.Now()
	for time.Since(quiet) < quietFor && time.Since(begin) < settleTimeout {
		err := c.log.Read(func(request audit.Request) {
			if request.Namespace != c.fleet.Namespace || request.User == audit.User && request.Verb != "patch" {
				return
			}
			counts.Add(request)
			if request.Refused() {
				refused++
			}
			quiet = time.Now()
		})
		if err != nil {
			return nil, 0, err
		}
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-time.After(quietFor / 8):
		}
	}
	return counts, refused, nil
}

// medians returns the median of each kind of request over all rollouts.
func medians(rollouts []audit.Counts) []report.Requests {
	var requests []report.Requests
	for _, key := range audit.Keys(rollouts...) {
		var numbers []float64
		for _, counts := range rollouts {
			numbers = append(numbers, float64(counts[key]))
		}
		requests = append(requests, report.Requests{Key: key, Count: report.Median(numbers)})
	}
	return requests
}

// watchPeaks samples agent and webhook until the returned function is called, which
// records the highest values.
func (b *bench) watchPeaks(ctx context.Context) (note func(*report.Rollouts)) {
	ctx, cancel := context.WithCancel(ctx)
	agent, webhook, ended := report.Peak{}, report.Peak{}, make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			raise(ctx, b.plane, plane.Agent, &agent)
			raise(ctx, b.plane, plane.Webhook, &webhook)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
	return func(result *report.Rollouts) {
		cancel()
		<-ended
		result.Agent, result.Webhook = result.Agent.Or(agent), result.Webhook.Or(webhook)
	}
}

// raise takes a sample, and skips it if that fails.
func raise(ctx context.Context, p *plane.Plane, component string, peak *report.Peak) {
	usage, err := p.Usage(component)
	if err != nil {
		return
	}
	metrics, err := p.Metrics(ctx, component)
	if err != nil {
		return
	}
	*peak = peak.Or(report.Peak{
		ResidentMiB: report.MiB(usage.Resident),
		Goroutines:  int(metrics.Sum("go_goroutines")),
		QueueDepth:  int(metrics.Sum("workqueue_depth")),
	})
}

package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/hack/bench/internal/plane"
	"github.com/rcroll/rcroll/hack/bench/internal/report"
	"github.com/rcroll/rcroll/hack/bench/internal/workload"
	"github.com/rcroll/rcroll/pkg/api"
)

const (
	// samples is the number of timed writes of each kind, with and without rcroll.
	samples = 1000

	// loadClients edit concurrently for loadTime, to measure the throughput.
	loadClients = 16
	loadTime    = 10 * time.Second
)

// write is a kind of write whose latency is measured.
type write struct {
	name        string
	subresource string

	// patch returns the nth patch.
	patch func(n int) string

	// validated means that each requests a template that the API server has to validate.
	validated bool
}

func imagePatch(tag int) string {
	return fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"registry.local/app:edit-%d"}]}}}}`, tag)
}

// The first three are writes to a ReplicationController that is not rolling, and must
// not reach the webhook. The others are edits; the first of them is validated, the
// second is not.
var writes = []write{
	{name: "status", subresource: "status", patch: func(n int) string {
		return fmt.Sprintf(`{"status":{"conditions":[{"type":"Bench","status":"True","message":"%d"}]}}`, n)
	}},
	{name: "label", patch: func(n int) string { return fmt.Sprintf(`{"metadata":{"labels":{"n":"%d"}}}`, n) }},
	{name: "annotation", patch: func(n int) string { return fmt.Sprintf(`{"metadata":{"annotations":{"n":"%d"}}}`, n) }},
	{name: "image, each a new one", patch: imagePatch, validated: true},
	{name: "image, the requested one again", patch: func(int) string { return imagePatch(0) }},
}

// admission has applications with rcroll, and in a namespace that opted out. There are
// no pods, because they do not matter here, and there is no agent, because it would be
// measured as well.
type admission struct {
	*bench
	with, without workload.Fleet
}

func measureAdmission(ctx context.Context, b *bench, results *report.Results) error {
	a := &admission{
		bench:   b,
		with:    workload.Fleet{Kind: workload.RC, Namespace: "bench-with", Size: loadClients, Replicas: 1, MaxSurge: "1", MaxUnavailable: "0"},
		without: workload.Fleet{Kind: workload.RC, Namespace: "bench-without", Size: loadClients, Replicas: 1, MaxSurge: "1", MaxUnavailable: "0"},
	}
	if err := a.prepare(ctx); err != nil {
		return err
	}
	result := report.Admission{Measured: measured()}
	for _, write := range writes {
		latency, err := a.latency(ctx, write)
		if err != nil {
			return err
		}
		result.Latencies = append(result.Latencies, latency)
		b.progress("  %s: p99 %.1f ms with rcroll, %.1f ms without, %d reviews", write.name, latency.With.P99, latency.Without.P99, latency.Reviews)
	}
	var err error
	result.Throughput, err = a.throughput(ctx)
	results.Admission = &result
	return err
}

func (a *admission) prepare(ctx context.Context) error {
	if err := a.plane.Stop(ctx, plane.Agent); err != nil {
		return err
	}
	if err := a.with.Create(ctx, a.plane.Client, "registry.local/app:v1", nil); err != nil {
		return err
	}
	optedOut := map[string]string{api.EnabledKey: "false"}
	return a.without.Create(ctx, a.plane.Client, "registry.local/app:v1", optedOut)
}

func (a *admission) do(ctx context.Context, fleet workload.Fleet, i int, write write, n int) (time.Duration, error) {
	var subresources []string
	if write.subresource != "" {
		subresources = append(subresources, write.subresource)
	}
	patch := []byte(write.patch(n))
	begin := time.Now()
	_, err := a.plane.Client.CoreV1().ReplicationControllers(fleet.Namespace).
		Patch(ctx, fleet.Name(i), types.StrategicMergePatchType, patch, metav1.PatchOptions{}, subresources...)
	if err != nil {
		return 0, fmt.Errorf("write %s of %s/%s: %w", write.name, fleet.Namespace, fleet.Name(i), err)
	}
	return time.Since(begin), nil
}

// latency makes the same writes with and without rcroll, in turn.
func (a *admission) latency(ctx context.Context, write write) (report.Latency, error) {
	reviews, validation, err := a.webhook(ctx)
	if err != nil {
		return report.Latency{}, err
	}
	first := reviews
	var with, without, validations, rests []time.Duration
	for n := range samples {
		took, err := a.do(ctx, a.with, 0, write, n)
		if err != nil {
			return report.Latency{}, err
		}
		with = append(with, took)
		if write.validated {
			before := validation
			if _, validation, err = a.webhook(ctx); err != nil {
				return report.Latency{}, err
			}
			validations, rests = append(validations, validation-before), append(rests, took-(validation-before))
		}
		if took, err = a.do(ctx, a.without, 0, write, n); err != nil {
			return report.Latency{}, err
		}
		without = append(without, took)
	}
	reviews, _, err = a.webhook(ctx)
	latency := report.Latency{
		Write: write.name, With: report.QuantilesOf(with), Without: report.QuantilesOf(without), Reviews: int(reviews - first),
	}
	if write.validated {
		latency.Validation = ptr.To(report.QuantilesOf(validations))
		latency.WithoutValidation = ptr.To(report.QuantilesOf(rests))
	}
	return latency, err
}

// webhook returns how many reviews the webhook has answered, and how long it has
// waited in all of them for the validation of requested templates.
func (a *admission) webhook(ctx context.Context) (reviews float64, validation time.Duration, err error) {
	metrics, err := a.plane.Metrics(ctx, plane.Webhook)
	seconds := metrics.Sum("rcroll_webhook_verdict_seconds_sum")
	return metrics.Sum("controller_runtime_webhook_requests_total"), time.Duration(seconds * float64(time.Second)), err
}

// throughput lets many clients edit concurrently, with the webhook on one processor.
func (a *admission) throughput(ctx context.Context) ([]report.Throughput, error) {
	if err := a.plane.Stop(ctx, plane.Webhook); err != nil {
		return nil, err
	}
	if err := a.plane.Start(ctx, plane.Webhook, "GOMAXPROCS=1"); err != nil {
		return nil, err
	}
	var results []report.Throughput
	for _, write := range writes[3:] {
		with, err := a.load(ctx, a.with, write)
		if err != nil {
			return nil, err
		}
		without, err := a.load(ctx, a.without, write)
		if err != nil {
			return nil, err
		}
		with.WithoutPerSecond = without.EditsPerSecond
		results = append(results, with)
		a.progress("  %s: %.0f edits/s, %.2f ms of the webhook's processor for each", write.name, with.EditsPerSecond, with.CPUMilliseconds)
	}
	return results, nil
}

func (a *admission) load(ctx context.Context, fleet workload.Fleet, write write) (report.Throughput, error) {
	before, err := a.plane.Usage(plane.Webhook)
	if err != nil {
		return report.Throughput{}, err
	}
	counts := make([]int, loadClients)
	begin := time.Now()
	err = workload.InParallel(ctx, loadClients, loadClients, func(ctx context.Context, i int) error {
		for n := 0; time.Since(begin) < loadTime; n++ {
			if _, err := a.do(ctx, fleet, i, write, n); err != nil {
				return err
			}
			counts[i]++
		}
		return nil
	})
	if err != nil {
		return report.Throughput{}, err
	}
	elapsed := time.Since(begin)
	after, err := a.plane.Usage(plane.Webhook)
	if err != nil {
		return report.Throughput{}, err
	}
	total := 0
	for _, count := range counts {
		total += count
	}
	return report.ThroughputOf(write.name, total, elapsed, after.CPU-before.CPU), nil
}

package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/hack/bench/internal/plane"
	"github.com/rcroll/rcroll/hack/bench/internal/report"
	"github.com/rcroll/rcroll/hack/bench/internal/workload"
)

const (
	// idleRest is the time between the start of a process and the measurement of its
	// memory.
	idleRest = 10 * time.Second

	// readyPoll is the resolution of the start-up times.
	readyPoll = 2 * time.Millisecond

	startTimeout = time.Minute
)

// measureScale restarts agent and webhook among more and more
// ReplicationControllers that are not rolling.
func measureScale(ctx context.Context, b *bench, results *report.Results) error {
	result := report.Scale{Measured: measured()}
	fleet := workload.Fleet{Kind: workload.RC, Namespace: "bench-idle", MaxSurge: "1", MaxUnavailable: "0"}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fleet.Namespace}}
	if _, err := b.plane.Client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace %s: %w", fleet.Namespace, err)
	}
	for _, size := range []int{0, 1000, 10000} {
		have := fleet.Size
		fleet.Size = size
		if err := fleet.Add(ctx, b.plane.Client, have, "registry.local/app:v1"); err != nil {
			return err
		}
		idle := report.Idle{RCs: size}
		var err error
		if idle.Agent, err = b.restart(ctx, plane.Agent); err != nil {
			return err
		}
		if idle.Webhook, err = b.restart(ctx, plane.Webhook); err != nil {
			return err
		}
		result.Idle = append(result.Idle, idle)
		b.progress("  %d: agent %.1f MiB, ready after %.2f s; webhook %.1f MiB, ready after %.2f s", size,
			idle.Agent.ResidentMiB, idle.Agent.StartupSeconds, idle.Webhook.ResidentMiB, idle.Webhook.StartupSeconds)
	}
	results.Scale = &result
	return nil
}

// restart restarts a component and measures it when it is idle.
func (b *bench) restart(ctx context.Context, component string) (report.Process, error) {
	if err := b.plane.Stop(ctx, component); err != nil {
		return report.Process{}, err
	}
	ready := make(chan time.Duration, 1)
	bounded, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	go func() { ready <- b.untilReady(bounded, component) }()
	if err := b.plane.Start(bounded, component); err != nil {
		return report.Process{}, err
	}
	startup := <-ready
	if startup == 0 {
		return report.Process{}, fmt.Errorf("%s is not ready after %s", component, startTimeout)
	}
	select {
	case <-ctx.Done():
		return report.Process{}, ctx.Err()
	case <-time.After(idleRest):
	}
	usage, err := b.plane.Usage(component)
	if err != nil {
		return report.Process{}, err
	}
	metrics, err := b.plane.Metrics(ctx, component)
	return report.Process{
		ResidentMiB:    report.MiB(usage.Resident),
		AnonymousMiB:   report.MiB(usage.Anonymous),
		Goroutines:     int(metrics.Sum("go_goroutines")),
		StartupSeconds: startup.Seconds(),
	}, err
}

// untilReady returns the age of the component's process when it becomes ready; 0 if it
// never does.
func (b *bench) untilReady(ctx context.Context, component string) time.Duration {
	for ctx.Err() == nil {
		if b.plane.Ready(ctx, component) {
			if age, err := b.plane.Age(component); err == nil {
				return age
			}
		}
		time.Sleep(readyPoll)
	}
	return 0
}

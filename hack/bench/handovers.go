package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/hack/bench/internal/audit"
	"github.com/rcroll/rcroll/hack/bench/internal/handover"
	"github.com/rcroll/rcroll/hack/bench/internal/report"
)

// handovers are the sizes in which the ways to hand pods over are compared.
var handovers = []struct{ size, replicas int }{{1, 50}, {1, 500}, {1, 1000}, {100, 10}}

// measureHandovers carries out each way in turn.
func measureHandovers(ctx context.Context, b *bench, results *report.Results) error {
	// The benchmark writes what nobody but rcroll may. The control plane is its own.
	bindings := b.plane.Client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	if err := bindings.Delete(ctx, "rcroll-reserved-keys", metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("lift the policy on reserved keys: %w", err)
	}
	time.Sleep(quietFor)
	result := report.Handovers{Measured: measured()}
	for _, of := range handovers {
		for _, way := range handover.Ways {
			result.Cells = append(result.Cells, report.Handover{Way: string(way), Size: of.size, Replicas: of.replicas})
		}
		cells := result.Cells[len(result.Cells)-len(handover.Ways):]
		for i := range b.pairs {
			for j, way := range handover.Ways {
				pairs := &handover.Pairs{
					Way: way, Size: of.size, Replicas: of.replicas,
					Namespace: fmt.Sprintf("handover-%dx%d-%d-%d", of.size, of.replicas, i, j),
				}
				run, err := b.handOver(ctx, pairs)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", pairs.Namespace, way, err)
				}
				cells[j].Runs = append(cells[j].Runs, run)
				b.progress("  %d x %d, %s: %.2f s, %d writes, %d refused, %d warnings", of.size, of.replicas, way, run.Seconds, run.Writes, run.Refused, run.Warnings)
			}
		}
	}
	results.Handovers = &result
	return nil
}

// handOver measures one way once.
func (b *bench) handOver(ctx context.Context, pairs *handover.Pairs) (run report.HandoverRun, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	log, err := audit.Open(b.plane.AuditDir())
	if err != nil {
		return run, err
	}
	if err := pairs.Create(ctx, b.plane.Client); err != nil {
		return run, err
	}
	time.Sleep(quietFor)
	if err := log.Skip(); err != nil {
		return run, err
	}
	idle, err := b.processorTime()
	if err != nil {
		return run, err
	}
	took, err := pairs.HandOver(ctx)
	if err != nil {
		return run, err
	}
	time.Sleep(quietFor)
	busy, err := b.processorTime()
	if err != nil {
		return run, err
	}
	run.Seconds, run.CPU = took.Seconds(), busy-idle
	err = log.Read(func(request audit.Request) {
		counts := audit.Counts{}
		counts.Add(request)
		if request.Namespace != pairs.Namespace || counts.Writes() == 0 {
			return
		}
		run.Writes++
		if request.Refused() {
			run.Refused++
		}
	})
	if err != nil {
		return run, err
	}
	events, err := b.plane.Client.CoreV1().Events(pairs.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "type=" + corev1.EventTypeWarning})
	if err != nil {
		return run, err
	}
	run.Warnings = len(events.Items)
	return run, pairs.Remove(ctx)
}

// processorTime is that of the control plane and of this process, in seconds.
func (b *bench) processorTime() (float64, error) {
	components, err := b.cpu()
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, seconds := range components {
		sum += seconds
	}
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0, fmt.Errorf("read the processor time: %w", err)
	}
	return sum + time.Duration(own.Utime.Nano()+own.Stime.Nano()).Seconds(), nil
}

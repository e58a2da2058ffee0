package main

import (
	"context"
	"os/exec"
	"strings"
	"time"

	"github.com/rcroll/rcroll/hack/bench/internal/plane"
	"github.com/rcroll/rcroll/hack/bench/internal/report"
)

// meters are counters of the whole control plane.
type meters struct {
	requestBytes, storedBytes, passes, reviews float64
}

func (b *bench) meters(ctx context.Context) (meters, error) {
	var m meters
	for _, meter := range []struct {
		component, metric string
		value             *float64
	}{
		{plane.APIServer, "apiserver_request_body_size_bytes_sum", &m.requestBytes},
		{plane.Etcd, "etcd_debugging_mvcc_total_put_size_in_bytes", &m.storedBytes},
		{plane.Agent, "controller_runtime_reconcile_total", &m.passes},
		{plane.Webhook, "controller_runtime_webhook_requests_total", &m.reviews},
	} {
		metrics, err := b.plane.Metrics(ctx, meter.component)
		if err != nil {
			return m, err
		}
		*meter.value = metrics.Sum(meter.metric)
	}
	return m, nil
}

// cpu returns the processor time of each component, in seconds.
func (b *bench) cpu() (map[string]float64, error) {
	seconds := map[string]float64{}
	for _, component := range plane.Components {
		usage, err := b.plane.Usage(component)
		if err != nil {
			return nil, err
		}
		seconds[component] = usage.CPU.Seconds()
	}
	return seconds, nil
}

// measured describes a measurement made now.
func measured() report.Measured {
	commit, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		commit = []byte("unknown") // sources without their history
	}
	return report.Measured{At: time.Now().UTC().Truncate(time.Second), Commit: strings.TrimSpace(string(commit))}
}

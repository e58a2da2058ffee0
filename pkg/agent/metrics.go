package agent

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rcroll/rcroll/pkg/rollout"
)

// stalls counts rollouts that do not go on by themselves, each time that one is told
// to its user. Its label has the reasons of Progressing, which are few; the cause may
// be anybody's word.
var stalls = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "rcroll_agent_rollouts_stalled_total",
	Help: "Rollouts that stalled, by the reason of their Progressing condition.",
}, []string{"reason"})

// registerMetrics puts the metrics of this package where the manager serves them.
func registerMetrics() { metrics.Registry.MustRegister(stalls) }

// countStall counts what new conditions tell.
func countStall(change rollout.ConditionChange) {
	isStall, reason := false, ""
	for _, condition := range change.Set {
		switch condition.Type {
		case rollout.Stalled:
			isStall = true
		case rollout.Progressing:
			reason = condition.Reason
		}
	}
	if isStall && reason != "" {
		stalls.WithLabelValues(reason).Inc()
	}
}

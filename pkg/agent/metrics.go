package agent

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// Labels have reasons, results, operations and kinds of actions, all of which are few and
// known: see knownReason. No object is one, and nothing that a user may write. Counters
// begin with 0, as an increase is not seen of one that begins with 1.
var (
	// stalls counts each time that it is told to the user.
	stalls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rcroll_agent_rollouts_stalled_total",
		Help: "Rollouts that stalled, by the reason of their Progressing condition.",
	}, []string{"reason"})

	started = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "rcroll_agent_rollouts_started_total",
		Help: "Rollouts that started. One that was given another target in the middle counts for each.",
	})

	ended = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rcroll_agent_rollouts_ended_total",
		Help: "Rollouts that ended, by their result.",
	}, []string{"result"})

	durations = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "rcroll_agent_rollout_duration_seconds",
		Help:    "Time from the last change of what was requested to the end of the rollout, by its result.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 15), // to 4.5 h
	}, []string{"result"})

	podsReplaced = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "rcroll_agent_rollout_pods",
		Help:    "Pods of the ReplicationController when a rollout succeeded.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 13), // to 4096
	})

	stepsFailed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rcroll_agent_steps_failed_total",
		Help: "Writes of the agent that failed and are tried again, by what was to be written. Conflicts do not count.",
	}, []string{"action"})

	commands = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rcroll_agent_commands_total",
		Help: "Commands to the webhook, by operation and outcome; NotCarriedOut if one was stored because no webhook was asked.",
	}, []string{"operation", "outcome"})
)

// Outcomes of a command.
const (
	carriedOut    = "CarriedOut"
	notCarriedOut = "NotCarriedOut"
	outdated      = "Outdated"
	refused       = "Refused"
	failed        = "Failed"
)

// Collectors are the metrics of this package. What is in flight is read from a cache, and
// told by the leader only: once leads is closed.
func Collectors(ctx context.Context, cached client.Reader, leads <-chan struct{}) []prometheus.Collector {
	beginWithZero()
	return []prometheus.Collector{
		stalls, started, ended, durations, podsReplaced, stepsFailed, commands,
		&inFlight{ctx: ctx, cached: cached, leads: leads},
	}
}

func beginWithZero() {
	for _, reason := range stallReasons {
		stalls.WithLabelValues(reason)
	}
	for _, result := range []rollout.Result{rollout.Succeeded, rollout.Cancelled, rollout.RolledBack} {
		ended.WithLabelValues(string(result))
		durations.WithLabelValues(string(result))
	}
	for kind := range verbs {
		stepsFailed.WithLabelValues(string(kind))
	}
	for _, operation := range []api.Operation{api.Scale, api.Seal, api.Adopt, api.Open, api.Finish, api.Cancel} {
		for _, outcome := range []string{carriedOut, notCarriedOut, outdated, refused, failed} {
			commands.WithLabelValues(string(operation), outcome)
		}
	}
}

// countAction counts what a write has brought about.
func countAction(o *observation, action rollout.Action, now time.Time) {
	switch action.Kind {
	case rollout.CreateNewRC:
		started.Inc()
	case rollout.SetConditions:
		countStall(action.Conditions)
	}
	if action.Result == "" {
		return
	}
	result := string(action.Result)
	ended.WithLabelValues(result).Inc()
	if requested, ok := requestedAt(o.rc); ok {
		durations.WithLabelValues(result).Observe(now.Sub(requested).Seconds())
	}
	if action.Result == rollout.Succeeded {
		podsReplaced.Observe(float64(o.snapshot.Desired))
	}
}

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
		stalls.WithLabelValues(knownReason(reason)).Inc()
	}
}

func countFailure(action rollout.Action, err error) {
	if !isOutdated(err) {
		stepsFailed.WithLabelValues(string(action.Kind)).Inc()
	}
}

// countCommand counts one, by what became of it.
func countCommand(command api.Command, err error) {
	commands.WithLabelValues(string(command.Operation), outcomeOf(err)).Inc()
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return carriedOut
	case errors.Is(err, errWebhookMissing):
		return notCarriedOut
	case isOutdated(err):
		return outdated
	case isRejected(err):
		return refused
	}
	return failed
}

func requestedAt(rc *unstructured.Unstructured) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, rc.GetAnnotations()[api.RequestedAtAnnotation])
	return at, err == nil
}

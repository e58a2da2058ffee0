package agent

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// Labels have the reasons of Progressing, results and kinds of actions, all of which are
// few. Neither the cause of a failure, which may be anybody's word, nor an object is one.
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
)

// registerMetrics puts the metrics of this package where the manager serves them. What is
// in flight is told by the leader only.
func registerMetrics(ctx context.Context, cached client.Reader, leads <-chan struct{}) {
	metrics.Registry.MustRegister(stalls, started, ended, durations, podsReplaced, stepsFailed,
		&inFlight{ctx: ctx, cached: cached, leads: leads})
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
		stalls.WithLabelValues(reason).Inc()
	}
}

func countFailure(action rollout.Action, err error) {
	if !isOutdated(err) {
		stepsFailed.WithLabelValues(string(action.Kind)).Inc()
	}
}

func requestedAt(rc *unstructured.Unstructured) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, rc.GetAnnotations()[api.RequestedAtAnnotation])
	return at, err == nil
}

// inFlight tells of the rollouts that there are, whenever it is asked: from the cache.
type inFlight struct {
	ctx    context.Context //nolint:containedctx // a Collector is given none
	cached client.Reader
	leads  <-chan struct{}
}

var (
	inFlightDesc = prometheus.NewDesc("rcroll_agent_rollouts_in_flight",
		"Rollouts in progress, by the reason of their Progressing condition; Pending if it tells of none yet.", []string{"reason"}, nil)
	oldestDesc = prometheus.NewDesc("rcroll_agent_oldest_request_timestamp_seconds",
		"When the oldest request of the rollouts in progress was last changed; absent if there is none.", nil, nil)
)

func (*inFlight) Describe(out chan<- *prometheus.Desc) { out <- inFlightDesc; out <- oldestDesc }

func (c *inFlight) Collect(out chan<- prometheus.Metric) {
	select {
	case <-c.leads:
	default:
		return
	}
	list := emptyRCList()
	if err := c.cached.List(c.ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return // The cache has not been filled yet.
	}
	counts, oldest := summarize(list.Items)
	for reason, n := range counts {
		out <- prometheus.MustNewConstMetric(inFlightDesc, prometheus.GaugeValue, float64(n), reason)
	}
	if !oldest.IsZero() {
		out <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, float64(oldest.Unix()))
	}
}

// pendingReason is for a rollout of which the conditions do not tell yet.
const pendingReason = "Pending"

// summarize counts the ReplicationControllers that have a request, and finds the oldest.
func summarize(rcs []unstructured.Unstructured) (counts map[string]int, oldest time.Time) {
	counts = map[string]int{}
	for i := range rcs {
		if _, requested := rcs[i].GetAnnotations()[api.RequestAnnotation]; !requested {
			continue
		}
		counts[progressingReason(&rcs[i])]++
		if at, ok := requestedAt(&rcs[i]); ok && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return counts, oldest
}

// progressingReason is pendingReason while the condition is of the rollout before.
func progressingReason(rc *unstructured.Unstructured) string {
	conditions, _ := rollout.ConditionsOf(rc)
	isTrue := func(kind corev1.ReplicationControllerConditionType) bool {
		condition := rollout.FindCondition(conditions, kind)
		return condition != nil && condition.Status == corev1.ConditionTrue
	}
	progressing := rollout.FindCondition(conditions, rollout.Progressing)
	if progressing == nil || !isTrue(rollout.Reconciling) && !isTrue(rollout.Stalled) {
		return pendingReason
	}
	return progressing.Reason
}

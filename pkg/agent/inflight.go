package agent

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// inFlight tells of the rollouts that there are, whenever it is asked: from the cache.
type inFlight struct {
	ctx    context.Context //nolint:containedctx // a Collector is given none
	cached client.Reader
	leads  <-chan struct{}
}

var (
	inFlightDesc = prometheus.NewDesc("rcroll_agent_rollouts_in_flight",
		"Rollouts in progress, by the reason of their Progressing condition; Pending if it tells of none yet.", []string{"reason"}, nil)
	waitingDesc = prometheus.NewDesc("rcroll_agent_rollouts_waiting",
		"Rollouts in progress that are paused, degraded or stalled, by why: the reason of their Stalled or Reconciling condition.", []string{"reason"}, nil)
	oldestDesc = prometheus.NewDesc("rcroll_agent_oldest_request_timestamp_seconds",
		"When the template of the oldest of the rollouts in progress was requested; absent if there is none.", nil, nil)
)

func (*inFlight) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{inFlightDesc, waitingDesc, oldestDesc} {
		out <- desc
	}
}

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
	summary := summarize(list.Items)
	for reason, n := range summary.inFlight {
		out <- prometheus.MustNewConstMetric(inFlightDesc, prometheus.GaugeValue, float64(n), reason)
	}
	for reason, n := range summary.waiting {
		out <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(n), reason)
	}
	if !summary.oldest.IsZero() {
		out <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, float64(summary.oldest.Unix()))
	}
}

// summary is what there is to tell of all rollouts.
type summary struct {
	// inFlight counts them by the reason of Progressing, waiting those that wait by why.
	inFlight, waiting map[string]int

	// oldest is zero if there is none.
	oldest time.Time
}

// summarize counts the ReplicationControllers that have a request, and finds the oldest.
// Where there is none the counts that alerts and dashboards are about are 0, not missing.
func summarize(rcs []unstructured.Unstructured) summary {
	s := summary{inFlight: map[string]int{pendingReason: 0, rollout.ReasonUpdated: 0}, waiting: map[string]int{rollout.ReasonPaused: 0}}
	for i := range rcs {
		if _, requested := rcs[i].GetAnnotations()[api.RequestAnnotation]; !requested {
			continue
		}
		reason, why := reasonsOf(&rcs[i])
		s.inFlight[reason]++
		if why != "" {
			s.waiting[why]++
		}
		if at, ok := requestedAt(&rcs[i]); ok && (s.oldest.IsZero() || at.Before(s.oldest)) {
			s.oldest = at
		}
	}
	return s
}

// pendingReason is for a rollout of which the conditions do not tell yet, otherReason for
// one that is not among the known.
const (
	pendingReason = "Pending"
	otherReason   = "Other"
)

// reasonsOf returns the reason of Progressing, which is pendingReason while the condition is
// of the rollout before, and why the rollout waits, which is empty if it does not.
func reasonsOf(rc *unstructured.Unstructured) (reason, why string) {
	conditions, _ := rollout.ConditionsOf(rc)
	progressing := rollout.FindCondition(conditions, rollout.Progressing)
	for _, kind := range []corev1.ReplicationControllerConditionType{rollout.Stalled, rollout.Reconciling} {
		condition := rollout.FindCondition(conditions, kind)
		if progressing == nil || condition == nil || condition.Status != corev1.ConditionTrue {
			continue
		}
		// One that goes on has the same reason twice, which is then none to wait.
		if condition.Reason != rollout.ReasonUpdated && condition.Reason != rollout.ReasonRollingBack {
			why = knownReason(condition.Reason)
		}
		return knownReason(progressing.Reason), why
	}
	return pendingReason, ""
}

// stallReasons are those of Progressing while a rollout is stalled.
var stallReasons = []string{
	rollout.ReasonDeadlineExceeded, rollout.ReasonRollbackDeadlineExceeded,
	rollout.ReasonInvalidSettings, rollout.ReasonInvalidRequest, rollout.ReasonNameConflict,
}

// progressReasons are those of Progressing otherwise.
var progressReasons = []string{
	rollout.ReasonUpdated, rollout.ReasonRollingBack, rollout.ReasonComplete, rollout.ReasonRolledBack, rollout.ReasonPaused,
	rollout.ReasonPausedAtStep, rollout.ReasonFrozen, rollout.ReasonOutsideWindow, rollout.ReasonQueued,
}

// problemReasons are those for which a rollout waits: rcroll's, the kubelet's and the
// scheduler's.
var problemReasons = []string{
	rollout.ReasonFailedCreate, rollout.ReasonNotReady, rollout.ReasonStepFailed, rollout.ReasonWaiting,
	"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed",
	"CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError",
	"PreStartHookError", "PostStartHookError",
	corev1.PodReasonUnschedulable, corev1.PodReasonSchedulingGated, "Evicted", string(corev1.PodFailed), string(corev1.PodSucceeded),
}

// knownReason bounds the values of a label: whoever may write the status of a pod, or of a
// ReplicationController, may put any reason in it.
func knownReason(reason string) string {
	for _, known := range [][]string{stallReasons, progressReasons, problemReasons} {
		if slices.Contains(known, reason) {
			return reason
		}
	}
	return otherReason
}

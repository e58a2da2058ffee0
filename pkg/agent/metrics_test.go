package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// TestInFlight: the leader tells of every request that there is, by what its conditions say.
func TestInFlight(t *testing.T) {
	rc := func(name string, annotations map[string]string, conditions ...corev1.ReplicationControllerCondition) client.Object {
		rc := &corev1.ReplicationController{}
		rc.Namespace, rc.Name, rc.Annotations = "shop", name, annotations
		rc.Status.Conditions = conditions
		return rc
	}
	requested := func(at string) map[string]string {
		return map[string]string{api.RequestAnnotation: "{}", api.RequestedAtAnnotation: at}
	}
	condition := func(kind corev1.ReplicationControllerConditionType, reason string) corev1.ReplicationControllerCondition {
		return corev1.ReplicationControllerCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason}
	}
	cached := fake.NewClientBuilder().WithObjects(
		rc("idle", nil, condition(rollout.Progressing, rollout.ReasonComplete)),
		rc("new", requested("2026-11-25T10:00:00Z"), condition(rollout.Progressing, rollout.ReasonComplete)),
		rc("rolling", requested("2026-11-25T09:00:00Z"), condition(rollout.Progressing, rollout.ReasonUpdated), condition(rollout.Reconciling, rollout.ReasonUpdated)),
		rc("failed", requested(""), condition(rollout.Progressing, rollout.ReasonDeadlineExceeded), condition(rollout.Stalled, "anything")),
		rc("crashing", requested(""), condition(rollout.Progressing, rollout.ReasonUpdated), condition(rollout.Reconciling, "CrashLoopBackOff")),
	).Build()
	leads := make(chan struct{})
	collector := &inFlight{ctx: t.Context(), cached: cached, leads: leads}
	assert.Zero(t, testutil.CollectAndCount(collector), "nobody tells of a rollout twice")
	close(leads)
	require.NoError(t, testutil.CollectAndCompare(collector, strings.NewReader(`
# HELP rcroll_agent_oldest_request_timestamp_seconds When the template of the oldest of the rollouts in progress was requested; absent if there is none.
# TYPE rcroll_agent_oldest_request_timestamp_seconds gauge
rcroll_agent_oldest_request_timestamp_seconds 1.7955972e+09
# HELP rcroll_agent_rollouts_in_flight Rollouts in progress, by the reason of their Progressing condition; Pending if it tells of none yet.
# TYPE rcroll_agent_rollouts_in_flight gauge
rcroll_agent_rollouts_in_flight{reason="Pending"} 1
rcroll_agent_rollouts_in_flight{reason="ProgressDeadlineExceeded"} 1
rcroll_agent_rollouts_in_flight{reason="ReplicationControllerUpdated"} 2
# HELP rcroll_agent_rollouts_waiting Rollouts in progress that are paused, degraded or stalled, by why: the reason of their Stalled or Reconciling condition.
# TYPE rcroll_agent_rollouts_waiting gauge
rcroll_agent_rollouts_waiting{reason="CrashLoopBackOff"} 1
rcroll_agent_rollouts_waiting{reason="Other"} 1
rcroll_agent_rollouts_waiting{reason="ReplicationControllerPaused"} 0
`)))
}

// TestReasonsAreBounded: whatever conditions say, the values of a label are among the known.
func TestReasonsAreBounded(t *testing.T) {
	reasons := slices.Concat(stallReasons, progressReasons, problemReasons)
	known := append([]string{pendingReason, otherReason}, reasons...)
	rapid.Check(t, func(t *rapid.T) {
		reason := rapid.OneOf(rapid.SampledFrom(reasons), rapid.String())
		status := rapid.SampledFrom([]string{"True", "False", "Unknown"})
		var conditions []any
		for _, kind := range []string{"Progressing", "Reconciling", "Stalled"} {
			if rapid.Bool().Draw(t, kind) {
				conditions = append(conditions, map[string]any{"type": kind, "status": status.Draw(t, "status"), "reason": reason.Draw(t, "reason")})
			}
		}
		rc := unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": conditions}}}
		rc.SetAnnotations(map[string]string{api.RequestAnnotation: "{}"})
		summary := summarize([]unstructured.Unstructured{rc})
		total := 0
		for label, count := range summary.inFlight {
			total += count
			if !slices.Contains(known, label) {
				t.Fatalf("in flight: %q", label)
			}
		}
		if total != 1 {
			t.Fatalf("%d rollouts, not 1", total)
		}
		for label, count := range summary.waiting {
			if !slices.Contains(known, label) || label == rollout.ReasonUpdated && count > 0 {
				t.Fatalf("waiting: %q", label)
			}
		}
	})
}

// TestOutcomes: what became of a command, by the error of the write.
func TestOutcomes(t *testing.T) {
	status := func(code int32, reason metav1.StatusReason) error {
		return fmt.Errorf("patch: %w", &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Reason: reason}})
	}
	for outcome, errs := range map[string][]error{
		carriedOut:    {nil},
		notCarriedOut: {errWebhookMissing},
		outdated:      {status(409, metav1.StatusReasonConflict), status(404, metav1.StatusReasonNotFound)},
		refused:       {status(403, metav1.StatusReasonForbidden), status(422, metav1.StatusReasonInvalid)},
		failed:        {status(500, metav1.StatusReasonInternalError), context.DeadlineExceeded},
	} {
		for _, err := range errs {
			assert.Equal(t, outcome, outcomeOf(err), "%v", err)
		}
	}
}

// TestCountersBeginWithZero: every stall and end is an increase, the first one, too.
func TestCountersBeginWithZero(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(Collectors(t.Context(), nil, nil)...)
	for name, series := range map[string]int{
		"rcroll_agent_rollouts_stalled_total": len(stallReasons), "rcroll_agent_rollouts_ended_total": 3,
		"rcroll_agent_steps_failed_total": len(verbs), "rcroll_agent_commands_total": 30,
	} {
		count, err := testutil.GatherAndCount(registry, name)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, count, series, name)
	}
}

// TestWhatHappensIsCounted: a rollout that starts, commands with and without a webhook, and
// each end and stall, once.
func TestWhatHappensIsCounted(t *testing.T) {
	grows := func(counter prometheus.Collector, by float64, f func()) {
		t.Helper()
		before := testutil.ToFloat64(counter)
		f()
		assert.InDelta(t, before+by, testutil.ToFloat64(counter), 0)
	}
	scaled := func(outcome string) prometheus.Collector { return commands.WithLabelValues(string(api.Scale), outcome) }
	grows(started, 1, func() { newCluster(true, rollingRC(t, 5)).pass(t) })
	grows(scaled(carriedOut), 1, func() { newCluster(true, rollingRC(t, 5), newRC(t, 1)).pass(t) })
	grows(scaled(notCarriedOut), 1, func() {
		_, err := newCluster(false, rollingRC(t, 5), newRC(t, 1)).Reconcile(t.Context(), reconcile.Request{NamespacedName: tomcat})
		require.ErrorIs(t, err, errWebhookMissing)
	})

	o := &observation{rc: api.EmptyRC()}
	for _, result := range []rollout.Result{rollout.Succeeded, rollout.Cancelled, rollout.RolledBack} {
		grows(ended.WithLabelValues(string(result)), 1, func() {
			countAction(o, rollout.Action{Kind: rollout.SendCommand, Result: result}, time.Now())
		})
	}
	stall := rollout.ConditionChange{Set: []corev1.ReplicationControllerCondition{
		{Type: rollout.Progressing, Status: corev1.ConditionFalse, Reason: rollout.ReasonNameConflict},
		{Type: rollout.Stalled, Status: corev1.ConditionTrue, Reason: rollout.ReasonNameConflict},
	}}
	grows(stalls.WithLabelValues(rollout.ReasonNameConflict), 1, func() {
		countAction(o, rollout.Action{Kind: rollout.SetConditions, Conditions: stall}, time.Now())
	})
}

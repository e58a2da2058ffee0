package agent

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

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
		rc("rolling", requested("2026-11-25T09:00:00Z"), condition(rollout.Progressing, rollout.ReasonUpdated), condition(rollout.Reconciling, "x")),
		rc("failed", requested(""), condition(rollout.Progressing, rollout.ReasonDeadlineExceeded), condition(rollout.Stalled, "anything")),
	).Build()
	leads := make(chan struct{})
	collector := &inFlight{ctx: t.Context(), cached: cached, leads: leads}
	assert.Zero(t, testutil.CollectAndCount(collector), "nobody tells of a rollout twice")
	close(leads)
	require.NoError(t, testutil.CollectAndCompare(collector, strings.NewReader(`
# HELP rcroll_agent_oldest_request_timestamp_seconds When the oldest request of the rollouts in progress was last changed; absent if there is none.
# TYPE rcroll_agent_oldest_request_timestamp_seconds gauge
rcroll_agent_oldest_request_timestamp_seconds 1.7955972e+09
# HELP rcroll_agent_rollouts_in_flight Rollouts in progress, by the reason of their Progressing condition; Pending if it tells of none yet.
# TYPE rcroll_agent_rollouts_in_flight gauge
rcroll_agent_rollouts_in_flight{reason="Pending"} 1
rcroll_agent_rollouts_in_flight{reason="ProgressDeadlineExceeded"} 1
rcroll_agent_rollouts_in_flight{reason="ReplicationControllerUpdated"} 1
`)))
}

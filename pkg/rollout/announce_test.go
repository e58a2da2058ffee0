package rollout_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/rollout"
)

// TestToldOnce: kube-controller-manager, which writes the status as a whole, may put older
// conditions back. They are written again, and what they tell is no news.
func TestToldOnce(t *testing.T) {
	s := snapshot(4, 1, func(s *rollout.Snapshot) { s.Strategy.Paused = true })
	first := decide(s)
	require.Len(t, first.Actions, 1)
	require.Len(t, first.Actions[0].Events, 1)

	s.Memory.Told = first.Actions[0].Conditions.Told
	again := decide(s)
	require.Len(t, again.Actions, 1, "the conditions are not there any more")
	assert.Equal(t, first.Actions[0].Conditions, again.Actions[0].Conditions)
	assert.Empty(t, again.Actions[0].Events)

	s.Memory.Told = "something else"
	assert.Len(t, decide(s).Actions[0].Events, 1, "paused once more")
	assert.Equal(t, corev1.EventTypeNormal, first.Actions[0].Events[0].Type)
}

// TestResults: the end of a rollout is marked once, with how it ended.
func TestResults(t *testing.T) {
	progressing := func(status corev1.ConditionStatus, reason string) []corev1.ReplicationControllerCondition {
		return []corev1.ReplicationControllerCondition{{Type: rollout.Progressing, Status: status, Reason: reason}}
	}
	cancelled := func(s *rollout.Snapshot) {
		s.Live, s.Owned = "v8", nil
		s.Conditions = progressing(corev1.ConditionTrue, rollout.ReasonRollingBack)
	}
	for name, c := range map[string]struct {
		snapshot rollout.Snapshot
		want     []rollout.Result
	}{
		"a step": {snapshot(4, 1, func(*rollout.Snapshot) {}), nil},
		"the last step of a promotion": {snapshot(5, 0, func(s *rollout.Snapshot) { s.Adopting, s.Live, s.Owned = "v8", "v8", nil }),
			[]rollout.Result{rollout.Succeeded}},
		"a newer one is requested": {snapshot(5, 0, func(s *rollout.Snapshot) { s.Adopting, s.Live, s.Owned = "v7", "v7", nil }),
			[]rollout.Result{rollout.Succeeded}},
		"what it did is undone": {snapshot(5, 0, cancelled), []rollout.Result{rollout.Cancelled}},
		"that was told": {snapshot(5, 0, func(s *rollout.Snapshot) {
			cancelled(s)
			s.Memory.Told = "Progressing=True " + rollout.ReasonComplete
		}), nil},
		"it had failed": {snapshot(5, 0, func(s *rollout.Snapshot) {
			cancelled(s)
			s.Conditions = append(progressing(corev1.ConditionFalse, rollout.ReasonDeadlineExceeded),
				corev1.ReplicationControllerCondition{Type: rollout.Stalled, Status: corev1.ConditionTrue, Reason: rollout.ReasonRollingBack})
		}), []rollout.Result{rollout.RolledBack}},
	} {
		t.Run(name, func(t *testing.T) {
			var results []rollout.Result
			for _, action := range decide(c.snapshot).Actions {
				if action.Result != "" {
					results = append(results, action.Result)
				}
			}
			assert.Equal(t, c.want, results)
		})
	}
}

package rollout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
	"github.com/rcroll/rcroll/pkg/rollout"
)

func frozen(s *rollout.Snapshot) {
	s.Hold = &policy.Hold{Kind: policy.Frozen, Policy: "freeze", Message: "RolloutPolicy freeze holds it: incident"}
}

// A rollout that policies hold takes no step, tells why once, and costs nothing then.
func TestHeld(t *testing.T) {
	s := snapshot(3, 2, frozen)
	decision := rollout.Decide(s)
	assert.Equal(t, rollout.Held, decision.Phase)
	require.Len(t, decision.Actions, 1)
	change := decision.Actions[0].Conditions
	require.Len(t, change.Set, 2)
	assert.Equal(t, corev1.ConditionUnknown, change.Set[0].Status)
	assert.Equal(t, "Frozen", change.Set[0].Reason)
	assert.Equal(t, "RolloutPolicy freeze holds it: incident", change.Set[0].Message)
	assert.Len(t, decision.Actions[0].Events, 1)

	s.Conditions = change.Set
	decision = rollout.Decide(s)
	assert.Empty(t, decision.Actions)
	assert.Zero(t, decision.RequeueAfter)
	assert.False(t, decision.Poll)
	assert.Nil(t, decision.Awaits)

	s.Hold.Until = s.Now.Add(time.Hour)
	assert.Equal(t, time.Hour, rollout.Decide(s).RequeueAfter, "it looks again when the window opens")
}

// The deadline's clock stands still: a rollout that was held for longer has not failed.
func TestHeldBeyondTheDeadline(t *testing.T) {
	s := snapshot(3, 2, func(s *rollout.Snapshot) {
		s.RC.Replicas, s.Owned[0].Available = 4, 1
		s.Strategy.OnFailure = api.Rollback
		s.Conditions[0].Status, s.Conditions[0].Reason = corev1.ConditionUnknown, rollout.ReasonFrozen
		s.Now = s.Now.Add(24 * time.Hour)
		s.Inspection = rollout.Inspection{}
	})
	decision := decide(s)
	require.NotEmpty(t, decision.Actions)
	assert.Equal(t, rollout.SetConditions, decision.Actions[0].Kind)
	assert.Equal(t, corev1.ConditionTrue, decision.Actions[0].Conditions.Set[0].Status)
}

// TestNothingHoldsARescue: whatever the policies say, a rollback, a promotion that has begun
// and the end of a rollout are decided on as without them.
func TestNothingHoldsARescue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t, anyMember)
		s.Sealed = rapid.SampledFrom([]string{"", "", s.Requested}).Draw(t, "sealed")
		s.Hold = nil
		without := rollout.Decide(s)
		frozen(&s)
		with := rollout.Decide(s)
		if s.Rescue() {
			require.Equal(t, without, with)
		} else if with.Phase == rollout.Held {
			for _, action := range with.Actions {
				require.Equal(t, rollout.SetConditions, action.Kind)
			}
		}
	})
}

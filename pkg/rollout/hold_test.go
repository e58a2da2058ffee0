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
			onlyFollows(t, s, with)
		}
	})
}

// onlyFollows: what has not begun has as many pods as are desired, which is no step of a
// rollout.
func onlyFollows(t *rapid.T, s rollout.Snapshot, decision rollout.Decision) {
	for _, action := range decision.Actions {
		if action.Kind == rollout.SetConditions {
			continue
		}
		require.False(t, s.Begun())
		require.Equal(t, rollout.SendCommand, action.Kind)
		require.Equal(t, api.Scale, action.Command.Operation)
		require.False(t, action.ScaleUp)
		if s.RC.Replicas < s.Desired {
			require.Greater(t, action.Command.Replicas, s.RC.Replicas)
			require.LessOrEqual(t, action.Command.Replicas, s.Desired)
		} else {
			require.Equal(t, s.Desired, action.Command.Replicas)
		}
	}
}

// TestFollows: what waits for the beginning of its rollout has as many pods as are desired
// meanwhile.
func TestFollows(t *testing.T) {
	alone := func(s *rollout.Snapshot) { s.Owned = nil }
	for name, c := range map[string]struct {
		rc, next, desired int32
		change            func(*rollout.Snapshot)
		want              map[string]int32
	}{
		"nothing to do":            {5, 0, 5, alone, nil},
		"more":                     {5, 0, 9, alone, map[string]int32{"tomcat": 9}},
		"fewer":                    {5, 0, 2, alone, map[string]int32{"tomcat": 2}},
		"none":                     {5, 0, 0, alone, map[string]int32{"tomcat": 0}},
		"more, its status is late": {5, 0, 9, func(s *rollout.Snapshot) { alone(s); s.RC.StatusObserved = false }, nil},
		"more, pods are going":     {5, 0, 6, func(s *rollout.Snapshot) { alone(s); s.RC.Pods = 7 }, nil},
		"fewer, pods are coming":   {5, 0, 2, func(s *rollout.Snapshot) { alone(s); s.RC.Pods = 2 }, nil},
		"more, in the middle":      {3, 2, 9, func(*rollout.Snapshot) {}, nil},
		"fewer, in the middle":     {3, 2, 3, func(*rollout.Snapshot) {}, nil},
	} {
		for reason, hold := range map[string]func(*rollout.Snapshot){
			"held":   frozen,
			"paused": func(s *rollout.Snapshot) { s.Strategy.Paused = true },
		} {
			s := snapshot(c.rc, c.next, c.change)
			s.Desired = c.desired
			hold(&s)
			var got map[string]int32
			for _, action := range rollout.Decide(s).Actions {
				if action.Kind == rollout.SetConditions {
					continue
				}
				if got == nil {
					got = map[string]int32{}
				}
				got[action.Name] = action.Replicas
				if action.Kind == rollout.SendCommand {
					got[action.Name] = action.Command.Replicas
				}
			}
			assert.Equal(t, c.want, got, "%s, %s", name, reason)
		}
	}
}

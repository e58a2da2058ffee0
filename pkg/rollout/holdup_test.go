package rollout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// stepFails is a rollout half-way whose last pass failed.
func stepFails(s *rollout.Snapshot) { s.Memory.StepError = "denied by policy" }

// newRCDeleting is a rollout whose new RC goes, and does not go.
func newRCDeleting(s *rollout.Snapshot) { s.Owned[0].Deleting = true }

// TestHeldUp: what holds a rollout up is told after a moment, and fails it after the
// deadline, whatever it is.
func TestHeldUp(t *testing.T) {
	sealedAndDeleting := func(s *rollout.Snapshot) { sealed(s); newRCDeleting(s); s.RC.Replicas = 0 }
	unobserved := func(s *rollout.Snapshot) { sealed(s); s.RC.StatusObserved = false }
	for name, c := range map[string]struct {
		change func(*rollout.Snapshot)
		reason string
	}{
		"a step fails":                                {stepFails, rollout.ReasonStepFailed},
		"a step of the promotion fails":               {func(s *rollout.Snapshot) { sealed(s); stepFails(s) }, rollout.ReasonStepFailed},
		"the new RC is being deleted":                 {newRCDeleting, rollout.ReasonWaiting},
		"the new RC is being deleted when sealed":     {sealedAndDeleting, rollout.ReasonWaiting},
		"kube-controller-manager has not observed it": {unobserved, rollout.ReasonWaiting},
		"somebody else's object of that name goes": {func(s *rollout.Snapshot) {
			s.Owned, s.Name = nil, rollout.NameTerminating
		}, rollout.ReasonWaiting},
		"pods are not let go": {func(s *rollout.Snapshot) {
			sealed(s)
			s.Owned, s.Pods = nil, &rollout.Pods{OfNewRC: 1}
		}, rollout.ReasonWaiting},
	} {
		t.Run(name, func(t *testing.T) {
			since := time.Unix(1000, 0)
			at := func(passed time.Duration, more ...func(*rollout.Snapshot)) rollout.Decision {
				s := snapshot(4, 1, c.change)
				s.Memory.HeldUpSince, s.Memory.LastStep, s.Now = since, since, since.Add(passed)
				for _, change := range more {
					change(&s)
				}
				return decide(s)
			}
			stalled := func(d rollout.Decision) *corev1.ReplicationControllerCondition {
				for _, action := range d.Actions {
					for i := range action.Conditions.Set {
						if set := &action.Conditions.Set[i]; set.Type == rollout.Stalled {
							return set
						}
					}
				}
				return nil
			}
			first := at(0, func(s *rollout.Snapshot) { s.Memory.HeldUpSince = time.Time{} })
			require.NotNil(t, first.HeldUp)
			assert.Equal(t, c.reason, first.HeldUp.Reason)
			assert.Equal(t, 10*time.Second, first.RequeueAfter, "then it is told")

			told := at(10 * time.Second)
			require.NotEmpty(t, told.Actions)
			require.Equal(t, rollout.SetConditions, told.Actions[0].Kind)
			assert.Nil(t, stalled(told))
			assert.Equal(t, c.reason, told.Actions[0].Conditions.Set[len(told.Actions[0].Conditions.Set)-1].Reason)
			assert.Equal(t, 10*time.Minute-10*time.Second, told.RequeueAfter)

			assert.Nil(t, stalled(at(10*time.Minute-1)))
			failed := at(10 * time.Minute)
			require.NotNil(t, stalled(failed))
			assert.Equal(t, c.reason, stalled(failed).Reason)
			require.Len(t, failed.Actions[0].Events, 1)
			assert.Equal(t, rollout.ReasonDeadlineExceeded, failed.Actions[0].Events[0].Reason)
			assert.Equal(t, len(first.Actions), len(failed.Actions)-1, "what was tried before is tried again")
		})
	}
}

// A rollout that is held up is rolled back where its owner asked for that, but not from
// its promotion, nor from a rollback.
func TestHeldUpRollsBack(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*rollout.Snapshot)
		want   bool
	}{
		"rolling":      {func(*rollout.Snapshot) {}, true},
		"promoting":    {sealed, false},
		"rolling back": {func(s *rollout.Snapshot) { s.Live = "v8" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot(3, 2, c.change)
			stepFails(&s)
			s.Strategy.OnFailure = api.Rollback
			s.Memory.HeldUpSince = s.Now.Add(-s.Strategy.ProgressDeadline)
			decision := decide(s)
			var operations []api.Operation
			for _, action := range decision.Actions {
				if action.Kind == rollout.SendCommand {
					operations = append(operations, action.Command.Operation)
				}
			}
			if c.want {
				assert.Equal(t, []api.Operation{api.Cancel}, operations)
			} else {
				assert.NotContains(t, operations, api.Cancel)
			}
		})
	}
}

// A rollback that could not be begun is tried again, whatever was told of it.
func TestHeldUpRollsBackAtLast(t *testing.T) {
	s := snapshot(3, 2, stepFails)
	s.Strategy.OnFailure = api.Rollback
	s.Memory.HeldUpSince = s.Now.Add(-s.Strategy.ProgressDeadline)
	first := decide(s)
	require.NotNil(t, first.HeldUp, "the clock goes on")
	s.Conditions, s.Memory.Told = first.Actions[0].Conditions.Set, first.Actions[0].Conditions.Told
	again := decide(s)
	require.Len(t, again.Actions, 1)
	assert.Equal(t, api.Cancel, again.Actions[0].Command.Operation)
}

// A restarted agent does not take back what another one found, before it took a step.
func TestHeldUpAfterRestart(t *testing.T) {
	s := snapshot(4, 1, newRCDeleting)
	s.Memory = rollout.Memory{LastScaleUp: s.Now}
	s.Conditions = []corev1.ReplicationControllerCondition{
		{Type: rollout.Progressing, Status: corev1.ConditionFalse, Reason: rollout.ReasonDeadlineExceeded},
		{Type: rollout.Stalled, Status: corev1.ConditionTrue, Reason: rollout.ReasonWaiting},
	}
	assert.Empty(t, decide(s).Actions)
}

// What ends by itself or by its user is not failed.
func TestNotHeldUp(t *testing.T) {
	for name, change := range map[string]func(*rollout.Snapshot){
		"paused":           func(s *rollout.Snapshot) { s.Strategy.Paused = true },
		"invalid settings": func(s *rollout.Snapshot) { s.BlockedBy = &rollout.BlockedBy{Reason: rollout.ReasonInvalidSettings} },
		"being deleted":    func(s *rollout.Snapshot) { s.RC.Deleting = true },
		"the update period": func(s *rollout.Snapshot) {
			s.Strategy.UpdatePeriod, s.Memory.LastScaleUp = time.Hour, s.Now
		},
		"pods": func(s *rollout.Snapshot) { s.Owned[0].Available = 0 },
	} {
		t.Run(name, func(t *testing.T) { assert.Nil(t, decide(snapshot(4, 1, change)).HeldUp) })
	}
}

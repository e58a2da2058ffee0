package rollout_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// someSteps are drawn by the property tests; the empty one is a rollout without steps.
var someSteps = []string{"", "", "1,pause,50%,pause=10m", "pause,2", "0,pause,100%,pause", "1,pause=1s,10%,pause,20%,pause=1s", "3"}

func parseSteps(t require.TestingT, text string) []api.Step {
	if text == "" {
		return nil
	}
	steps, err := api.ParseSteps(text)
	require.NoError(t, err)
	return steps
}

// canary is a rollout in steps; waiting tells of a pause that began so long ago.
func canary(t *testing.T, steps string, rc, next int32, changes ...func(*rollout.Snapshot)) rollout.Snapshot {
	return snapshot(rc, next, func(s *rollout.Snapshot) {
		s.Strategy.Steps = parseSteps(t, steps)
		for _, change := range changes {
			change(s)
		}
	})
}

func waiting(ago time.Duration) func(*rollout.Snapshot) {
	return func(s *rollout.Snapshot) {
		s.Conditions[0].Status, s.Conditions[0].Reason = corev1.ConditionUnknown, rollout.ReasonPausedAtStep
		s.Conditions[0].LastTransitionTime = metav1.NewTime(s.Now.Add(-ago))
	}
}

func approved(step int) func(*rollout.Snapshot) {
	return func(s *rollout.Snapshot) { s.Approved = step }
}

// scalings are the sizes that a decision sets, and what else it does.
func scalings(decision rollout.Decision) []string {
	var did []string
	for _, action := range decision.Actions {
		switch action.Kind {
		case rollout.ScaleOwned:
			did = append(did, fmt.Sprintf("%s to %d", action.Name, action.Replicas))
		case rollout.SendCommand:
			did = append(did, fmt.Sprintf("%s %d%d", action.Command.Operation, action.Command.Replicas, action.Command.Step))
		case rollout.SetConditions:
			did = append(did, action.Conditions.Set[0].Reason)
		default:
			did = append(did, string(action.Kind))
		}
	}
	return did
}

func TestSteps(t *testing.T) {
	const steps = "1,pause,50%,pause=10m"
	unavailable := func(s *rollout.Snapshot) { s.Owned[0].Available-- }
	desire := func(n int32) func(*rollout.Snapshot) { return func(s *rollout.Snapshot) { s.Desired = n } }
	spare := func(s *rollout.Snapshot) {
		s.Strategy.MaxUnavailable = intstr.FromInt32(3)
	}
	for name, c := range map[string]struct {
		snapshot rollout.Snapshot
		phase    rollout.Phase
		want     []string
		requeue  time.Duration
	}{
		"up to the first size":                                  {canary(t, steps, 5, 0), rollout.Rolling, []string{"tomcat-v8 to 1"}, 0},
		"the old ones make room":                                {canary(t, steps, 5, 1), rollout.Rolling, []string{"Scale 40"}, 0},
		"no further than the step, whatever may be unavailable": {canary(t, steps, 5, 1, spare), rollout.Rolling, []string{"Scale 40"}, 0},
		"no pause before the pods are available":                {canary(t, steps, 5, 1, unavailable), rollout.Rolling, nil, 0},
		"the pause":                                             {canary(t, steps, 4, 1), rollout.PausedAtStep, []string{"PausedAtStep"}, 0},
		"the pause goes on":                                     {canary(t, steps, 4, 1, waiting(time.Hour), unavailable), rollout.PausedAtStep, []string{"PausedAtStep"}, 0},
		"an approval":                                           {canary(t, steps, 4, 1, waiting(time.Hour), approved(2)), rollout.Rolling, []string{"ReplicationControllerUpdated", "tomcat-v8 to 2"}, 0},
		"up to the second size":                                 {canary(t, steps, 3, 2, approved(2)), rollout.Rolling, []string{"tomcat-v8 to 3"}, 0},
		"the pause for a time":                                  {canary(t, steps, 2, 3, approved(2)), rollout.PausedAtStep, []string{"PausedAtStep"}, 10 * time.Minute},
		"some of it is over":                                    {canary(t, steps, 2, 3, approved(2), waiting(4*time.Minute)), rollout.PausedAtStep, []string{"PausedAtStep"}, 6 * time.Minute},
		"it is over":                                            {canary(t, steps, 2, 3, approved(2), waiting(10*time.Minute)), rollout.PausedAtStep, []string{"Approve 04"}, 0},
		"it begins with the approval before it": {canary(t, steps, 2, 3, approved(2), waiting(time.Hour), func(s *rollout.Snapshot) { s.ApprovedAt = s.Now.Add(-time.Minute) }),
			rollout.PausedAtStep, []string{"PausedAtStep"}, 9 * time.Minute},
		"all steps are over":                           {canary(t, steps, 2, 3, approved(4)), rollout.Rolling, []string{"tomcat-v8 to 4"}, 0},
		"a pause before the first pod":                 {canary(t, "pause,1", 5, 0), rollout.PausedAtStep, []string{"PausedAtStep"}, 0},
		"a pause before the promotion":                 {canary(t, "100%,pause", 0, 5), rollout.PausedAtStep, []string{"PausedAtStep"}, 0},
		"it is approved":                               {canary(t, "100%,pause", 0, 5, approved(2)), rollout.Rolling, []string{"Seal 00"}, 0},
		"more are desired: they are old ones":          {canary(t, steps, 4, 1, desire(9)), rollout.PausedAtStep, []string{"PausedAtStep", "Scale 80"}, 0},
		"fewer are desired: the share goes down":       {canary(t, steps, 5, 5, desire(4), approved(2)), rollout.PausedAtStep, []string{"PausedAtStep", "tomcat-v8 to 2", "Scale 40"}, 10 * time.Minute},
		"none are desired":                             {canary(t, steps, 0, 1, desire(0)), rollout.Rolling, []string{"tomcat-v8 to 0"}, 0},
		"requested again, it begins at the first step": {canary(t, steps, 2, 2, waiting(0)), rollout.PausedAtStep, []string{"PausedAtStep", "Scale 30"}, 0},
		"a cancel has no steps":                        {canary(t, steps, 4, 1, func(s *rollout.Snapshot) { s.Requested = "v7" }), rollout.RollingBack, []string{"RollingBack", "Scale 50"}, 0},
		"a promotion has none":                         {canary(t, "pause,1", 0, 5, sealed), rollout.Promoting, []string{"OrphanPods"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(c.snapshot)
			assert.Equal(t, c.phase, decision.Phase)
			assert.Equal(t, c.want, scalings(decision))
			assert.Equal(t, c.requeue, decision.RequeueAfter)
		})
	}
}

// TestPauseAtStepIsTold: once for each pause, in a condition that is neither a failure nor
// its end, and that has the time when it began.
func TestPauseAtStepIsTold(t *testing.T) {
	s := canary(t, "1,pause,10%,pause", 4, 1)
	first := decide(s).Actions[0]
	progressing := first.Conditions.Set[0]
	assert.Equal(t, corev1.ConditionUnknown, progressing.Status)
	assert.Equal(t, "Paused at step 2 of 4, with 1 of 5 pods of tomcat-v8, waiting for approval: kubectl annotate rc/tomcat --overwrite rcroll.dev/approve=v8/2", progressing.Message)
	assert.Equal(t, s.Now, progressing.LastTransitionTime.Time)
	require.Len(t, first.Events, 1)
	assert.Equal(t, rollout.Event{Type: corev1.EventTypeNormal, Reason: "PausedAtStep", Message: progressing.Message}, first.Events[0])

	s.Conditions, s.Memory.Told = changed(s.Conditions, first.Conditions), first.Conditions.Told
	assert.Empty(t, decide(s).Actions, "it is told already")
	s.Now, s.Memory = s.Now.Add(24*time.Hour), rollout.Memory{}
	assert.Empty(t, decide(s).Actions, "and so it is to an agent that starts, long after the deadline")

	s.Approved, s.Memory.Told = 2, first.Conditions.Told
	second := decide(s).Actions[0]
	assert.Len(t, second.Events, 1, "another pause at the same size is another one")

	s = canary(t, "1,pause=10m", 4, 1, waiting(time.Hour))
	s.Conditions[0].Reason = rollout.ReasonPaused
	resumed := decide(s)
	assert.Equal(t, s.Now, resumed.Actions[0].Conditions.Set[0].LastTransitionTime.Time, "it begins after the pause of a user")
	assert.Equal(t, 10*time.Minute, resumed.RequeueAfter)
}

// TestStepsBoundTheNewRC: whatever the statuses say, the new one does not grow beyond the
// first pause that is not approved.
func TestStepsBoundTheNewRC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t, anyMember)
		most := int32(0)
		for i, step := range s.Strategy.Steps {
			if step.Pause && i+1 > s.Approved {
				break
			}
			if !step.Pause {
				most = max(most, step.Replicas(s.Desired))
			}
			if i == len(s.Strategy.Steps)-1 {
				most = s.Desired
			}
		}
		if len(s.Strategy.Steps) == 0 || s.Requested == s.Live {
			most = s.Desired
		}
		for _, action := range decide(s).Actions {
			for _, member := range s.Owned {
				if action.Kind == rollout.ScaleOwned && action.UID == member.UID && action.Replicas > max(member.Replicas, most) {
					t.Fatalf("%s goes from %d to %d of at most %d", member.Name, member.Replicas, action.Replicas, most)
				}
			}
		}
	})
}

// TestCancelHasNoSteps: with or without, a cancel is the same.
func TestCancelHasNoSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t, anyMember)
		s.Requested = s.Live
		without := s
		without.Strategy.Steps = nil
		if a, b := decide(s), decide(without); !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v is not %+v", a, b)
		}
	})
}

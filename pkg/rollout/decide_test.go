package rollout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// rest is a member at rest with so many pods, all available.
func rest(name string, pods int32) rollout.Member {
	return rollout.Member{Name: name, Replicas: pods, StatusObserved: true, Pods: pods, Available: pods}
}

// snapshot is one of a rollout of tomcat from v7 to v8 with its conditions in place.
func snapshot(rc, next int32, change func(*rollout.Snapshot)) rollout.Snapshot {
	s := rollout.Snapshot{
		RC: rest("tomcat", rc), Owned: []rollout.Member{rest("tomcat-v8", next)},
		Desired: 5, Requested: "v8", Live: "v7",
		Strategy: api.Strategy{MaxSurge: intstr.FromInt32(1), ProgressDeadline: 10 * time.Minute},
		Now:      time.Unix(1000, 0),
	}
	s.RC.UID, s.Owned[0].UID = "rc", "next"
	message := "Replacing the pods of tomcat by those of tomcat-v8"
	s.Conditions = []corev1.ReplicationControllerCondition{
		{Type: rollout.Progressing, Status: corev1.ConditionTrue, Reason: rollout.ReasonUpdated, Message: message},
		{Type: rollout.Reconciling, Status: corev1.ConditionTrue, Reason: rollout.ReasonUpdated, Message: message},
	}
	change(&s)
	return s
}

// decide answers that there are no pods, and that the name is free, where the snapshot
// does not say otherwise.
func decide(s rollout.Snapshot) rollout.Decision {
	decision := rollout.Decide(s)
	switch decision.Question {
	case rollout.CountPods:
		s.Pods = &rollout.Pods{}
	case rollout.CheckName:
		s.Name = rollout.NameFree
	default:
		return decision
	}
	return rollout.Decide(s)
}

func sealed(s *rollout.Snapshot) { s.Sealed, s.Live = "v8", "v8" }

func TestDecide(t *testing.T) {
	tests := map[string]struct {
		snapshot rollout.Snapshot
		want     []string // kinds of the actions, and their objects
		poll     bool
	}{
		"an RC that is being deleted": {
			snapshot: snapshot(4, 1, func(s *rollout.Snapshot) { s.RC.Deleting = true }),
		},
		"the next one does not exist": {
			snapshot: snapshot(5, 0, func(s *rollout.Snapshot) { s.Owned = nil }),
			want:     []string{"CreateNewRC tomcat-v8"},
		},
		"a name that only begins like the next one's": {
			snapshot: snapshot(5, 0, func(s *rollout.Snapshot) { s.Owned[0].Name = "tomcat-v88" }),
			want:     []string{"CreateNewRC tomcat-v8"},
		},
		"the next one is being deleted": {
			snapshot: snapshot(4, 1, func(s *rollout.Snapshot) { s.Owned[0].Deleting = true }),
		},
		"up": {
			snapshot: snapshot(4, 1, func(*rollout.Snapshot) {}),
			want:     []string{"ScaleOwned tomcat-v8"},
		},
		"a status for another spec does not let pods go": {
			snapshot: snapshot(5, 1, func(s *rollout.Snapshot) { s.Owned[0].StatusObserved = false }),
		},
		"pods that are to go still count": {
			snapshot: snapshot(4, 1, func(s *rollout.Snapshot) { s.RC.Pods = 5 }),
		},
		"pods on their way are not taken for unhealthy ones": {
			snapshot: snapshot(4, 2, func(s *rollout.Snapshot) { s.RC.Pods, s.RC.Available = 3, 3 }),
		},
		"nor do others go for them": {
			snapshot: snapshot(4, 3, func(s *rollout.Snapshot) { s.RC.Pods, s.RC.Available = 3, 3 }),
		},
		"a stale one that may still have pods": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) {
				stale := rest("tomcat-v6", 0)
				stale.StatusObserved = false
				s.Owned = append(s.Owned, stale)
			}),
		},
		"unless they cannot be created": {
			snapshot: snapshot(4, 2, func(s *rollout.Snapshot) {
				s.RC.Pods, s.RC.Available, s.RC.Failing = 3, 3, true
			}),
			want: []string{"SendCommand tomcat"},
		},
		"paused": {
			snapshot: snapshot(4, 1, func(s *rollout.Snapshot) { s.Strategy.Paused = true }),
			want:     []string{"SetConditions tomcat"},
		},
		"a strategy that does not parse": {
			snapshot: snapshot(4, 1, func(s *rollout.Snapshot) {
				s.BlockedBy = &rollout.BlockedBy{Reason: rollout.ReasonInvalidSettings, Message: "no"}
			}),
			want: []string{"SetConditions tomcat"},
		},
		"a request that does not parse, even sealed": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) {
				sealed(s)
				s.BlockedBy = &rollout.BlockedBy{Reason: rollout.ReasonInvalidRequest, Message: "no"}
			}),
			want: []string{"SetConditions tomcat"},
		},
		"somebody else's object": {
			snapshot: snapshot(5, 0, func(s *rollout.Snapshot) { s.Owned, s.Name = nil, rollout.NameConflict }),
			want:     []string{"SetConditions tomcat"},
			poll:     true,
		},
		"a predecessor's object": {
			snapshot: snapshot(5, 0, func(s *rollout.Snapshot) { s.Owned, s.Name = nil, rollout.NameTerminating }),
			poll:     true,
		},
		"all updated": {
			snapshot: snapshot(0, 5, func(*rollout.Snapshot) {}),
			want:     []string{"SendCommand tomcat"},
		},
		"all updated, one not available": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) { s.Owned[0].Available = 4 }),
		},
		"all updated, a stale one left": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) { s.Owned = append(s.Owned, rest("tomcat-v6", 0)) }),
			want:     []string{"DeleteOwned tomcat-v6"},
		},
		"sealed, not yet observed": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) { sealed(s); s.RC.StatusObserved = false }),
		},
		"sealed, the next one is creating": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) { sealed(s); s.Owned[0].Pods = 4 }),
		},
		"sealed, the next one is deleting": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) { sealed(s); s.Owned[0].Pods = 6 }),
		},
		"sealed and at rest": {
			snapshot: snapshot(0, 5, sealed),
			want:     []string{"OrphanPods tomcat-v8"},
		},
		"sealed, paused, invalid and asked for something newer": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) {
				sealed(s)
				s.Requested, s.Strategy.Paused = "v9", true
				s.BlockedBy = &rollout.BlockedBy{Reason: rollout.ReasonInvalidSettings, Message: "no"}
			}),
			want: []string{"OrphanPods tomcat-v8"},
		},
		"sealed, the next one is on its way out": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) { sealed(s); s.Owned[0].Deleting = true }),
		},
		"sealed, the garbage collector is not done": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) {
				sealed(s)
				s.Owned, s.Pods = nil, &rollout.Pods{OfNewRC: 1, Orphans: 4}
			}),
			poll: true,
		},
		"sealed, pods are waiting": {
			snapshot: snapshot(0, 5, func(s *rollout.Snapshot) { sealed(s); s.Owned, s.Pods = nil, &rollout.Pods{Orphans: 5} }),
			want:     []string{"SendCommand tomcat"},
		},
		"adopting, not done": {
			snapshot: snapshot(5, 0, func(s *rollout.Snapshot) {
				s.Adopting, s.Live, s.Owned, s.Pods = "v8", "v8", nil, &rollout.Pods{Orphans: 1, OfRC: 4}
				s.RC.Pods, s.RC.Failing = 4, true
			}),
			poll: true,
		},
		"adopting, the status does not tell of all": {
			snapshot: snapshot(5, 0, func(s *rollout.Snapshot) {
				s.Adopting, s.Live, s.Owned, s.RC.Pods = "v8", "v8", nil, 4
			}),
		},
		"adopting, the status tells of too few": {
			snapshot: snapshot(5, 0, func(s *rollout.Snapshot) {
				s.Adopting, s.Live, s.Owned, s.RC.Pods, s.RC.Failing = "v8", "v8", nil, 4, true
				s.Pods = &rollout.Pods{OfRC: 5}
			}),
			poll: true,
		},
		"adopting, one died and cannot be replaced": {
			snapshot: snapshot(5, 0, func(s *rollout.Snapshot) {
				s.Adopting, s.Live, s.Owned, s.RC.Pods, s.RC.Failing = "v8", "v8", nil, 4, true
				s.Pods = &rollout.Pods{OfRC: 4}
			}),
			want: []string{"SetConditions tomcat", "SendCommand tomcat"},
		},
		"sealed, and a pod of the new one has finished": {
			snapshot: snapshot(0, 0, func(s *rollout.Snapshot) {
				sealed(s)
				s.Owned, s.Pods = nil, &rollout.Pods{Orphans: 5, Finished: []rollout.FinishedPod{{Name: "tomcat-v8-x"}}}
			}),
			want: []string{"AdoptPod tomcat", "SendCommand tomcat"},
		},
		"adopting, and a pod has finished before it was adopted": {
			snapshot: snapshot(5, 0, func(s *rollout.Snapshot) {
				s.Adopting, s.Live, s.Owned = "v8", "v8", nil
				s.RC.Pods, s.RC.Available, s.RC.Failing = 4, 4, true
				s.Pods = &rollout.Pods{OfRC: 4, Finished: []rollout.FinishedPod{{Name: "tomcat-v8-x"}}}
			}),
			want: []string{"SetConditions tomcat", "AdoptPod tomcat", "SendCommand tomcat"},
		},
		"adopting, done": {
			snapshot: snapshot(5, 0, func(s *rollout.Snapshot) {
				s.Adopting, s.Live, s.Owned, s.Pods = "v8", "v8", nil, &rollout.Pods{OfRC: 5}
			}),
			want: []string{"SetConditions tomcat", "SendCommand tomcat"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			decision := decide(test.snapshot)
			var got []string
			for _, action := range decision.Actions {
				got = append(got, string(action.Kind)+" "+action.Name)
			}
			assert.Equal(t, test.want, got)
			assert.Equal(t, test.poll, decision.Poll)
			assert.NotEmpty(t, decision.Reason)
		})
	}
}

// The conditions are right before the request is forgotten, and after that nobody
// puts them right: not in one pass, and not while the RC manager may still write a
// status with those of an older cache.
func TestEnd(t *testing.T) {
	opened := func(s *rollout.Snapshot) { s.Live, s.Owned, s.RC = "v8", nil, rest("tomcat", 5) }
	told := func(s *rollout.Snapshot) {
		opened(s)
		s.Conditions = []corev1.ReplicationControllerCondition{{
			Type: rollout.Progressing, Status: corev1.ConditionTrue, Reason: rollout.ReasonComplete, Message: "tomcat has the requested template",
		}}
	}
	kinds := func(change func(*rollout.Snapshot), more ...func(*rollout.Snapshot)) (kinds []string) {
		for _, action := range decide(snapshot(5, 0, func(s *rollout.Snapshot) {
			change(s)
			for _, c := range more {
				c(s)
			}
		})).Actions {
			kinds = append(kinds, string(action.Kind)+" "+string(action.Command.Operation))
		}
		return kinds
	}
	finish := []string{"SendCommand Finish"}
	assert.Equal(t, finish, kinds(told))
	assert.Equal(t, []string{"SetConditions "}, kinds(opened), "somebody wrote over what was told")
	assert.Empty(t, kinds(told, func(s *rollout.Snapshot) { s.RC.StatusObserved = false }))
	assert.Equal(t, finish, kinds(told, func(s *rollout.Snapshot) { s.Strategy.Paused = true }))
	assert.Equal(t, finish, kinds(told, func(s *rollout.Snapshot) { s.RC.Available = 0 }), "it may have been so before")
}

// TestPlanNamesTheRequest: whatever is promoted, a plan is for what is requested now.
func TestPlanNamesTheRequest(t *testing.T) {
	decision := rollout.Decide(snapshot(0, 5, func(s *rollout.Snapshot) {
		sealed(s)
		s.Requested, s.Owned, s.Pods = "v9", nil, &rollout.Pods{Orphans: 3, OfRC: 1}
	}))
	require.Len(t, decision.Actions, 1)
	assert.Equal(t, api.Command{Operation: api.Adopt, Hash: "v9", Replicas: 4}, decision.Actions[0].Command)
}

// The RC adopts as many pods as there are, or were a moment ago.
func TestAdoptedReplicas(t *testing.T) {
	finished := func(n int) (pods []rollout.FinishedPod) {
		for i := range n {
			pods = append(pods, rollout.FinishedPod{Name: fmt.Sprint("tomcat-v8-", i)})
		}
		return pods
	}
	for name, c := range map[string]struct {
		pods rollout.Pods
		want int32
	}{
		"all":                            {rollout.Pods{Orphans: 5}, 5},
		"one was deleted":                {rollout.Pods{Orphans: 4}, 4},
		"one has just finished":          {rollout.Pods{Orphans: 4, Finished: finished(1)}, 5},
		"one finished, and was replaced": {rollout.Pods{Orphans: 5, Finished: finished(1)}, 5},
		"more finished than are missing": {rollout.Pods{Orphans: 2, OfRC: 1, Finished: finished(9)}, 5},
		"fewer are wanted by now":        {rollout.Pods{Orphans: 7, Finished: finished(1)}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(snapshot(0, 0, func(s *rollout.Snapshot) {
				sealed(s)
				s.Owned, s.Pods = nil, &c.pods
			}))
			last := decision.Actions[len(decision.Actions)-1]
			assert.Equal(t, api.Command{Operation: api.Adopt, Hash: "v8", Replicas: c.want}, last.Command)
		})
	}
}

func TestConditions(t *testing.T) {
	before := metav1.NewTime(time.Unix(500, 0))
	s := snapshot(4, 1, func(s *rollout.Snapshot) {
		for i := range s.Conditions {
			s.Conditions[i].LastTransitionTime = before
		}
		s.Conditions = append(s.Conditions, corev1.ReplicationControllerCondition{Type: "Other", Status: corev1.ConditionTrue})
	})
	s.BlockedBy = &rollout.BlockedBy{Reason: rollout.ReasonInvalidSettings, Message: "bad"}
	decision := rollout.Decide(s)
	require.Len(t, decision.Actions, 1)
	now := metav1.NewTime(s.Now)
	assert.Equal(t, rollout.ConditionChange{
		Set: []corev1.ReplicationControllerCondition{
			{Type: rollout.Progressing, Status: corev1.ConditionFalse, Reason: "InvalidSettings", Message: "bad", LastTransitionTime: now},
			{Type: rollout.Stalled, Status: corev1.ConditionTrue, Reason: "InvalidSettings", Message: "bad", LastTransitionTime: now},
		},
		Remove: []corev1.ReplicationControllerConditionType{rollout.Reconciling},
		Told:   "Progressing=False InvalidSettings; Stalled=True InvalidSettings",
	}, decision.Actions[0].Conditions)
	assert.Equal(t, []rollout.Event{{Type: corev1.EventTypeWarning, Reason: "InvalidSettings", Message: "bad"}}, decision.Actions[0].Events)

	s.Conditions = append(s.Conditions[2:], decision.Actions[0].Conditions.Set...)
	assert.Empty(t, rollout.Decide(s).Actions, "said once")

	s.BlockedBy, s.Requested = nil, "v9"
	s.Conditions[1].Status, s.Conditions[1].LastTransitionTime = corev1.ConditionTrue, before
	set := decide(s).Actions[0].Conditions.Set
	assert.Equal(t, before, set[0].LastTransitionTime, "the time of a condition is that of its status")
}

// TestPausedAsksNothing: the decision would not depend on the answer.
func TestPausedAsksNothing(t *testing.T) {
	for name, s := range map[string]rollout.Snapshot{
		"ready to promote": snapshot(0, 5, func(*rollout.Snapshot) {}),
		"new RC to create": snapshot(5, 0, func(s *rollout.Snapshot) { s.Owned = nil }),
		"an inspection is due": snapshot(5, 1, func(s *rollout.Snapshot) {
			s.Owned[0].Available, s.Inspection = 0, rollout.Inspection{Of: "next", Due: true}
		}),
	} {
		assert.NotEmpty(t, rollout.Decide(s).Question, name)
		s.Strategy.Paused = true
		decision := rollout.Decide(s)
		assert.Equal(t, rollout.Paused, decision.Phase, name)
		assert.Empty(t, decision.Question, name)
	}
}

// TestPhases: the cascade, from its last case to its first. Each case has priority over
// those before.
func TestPhases(t *testing.T) {
	s := snapshot(5, 1, func(*rollout.Snapshot) {})
	for _, step := range []struct {
		change func()
		want   rollout.Phase
	}{
		{func() {}, rollout.Rolling},
		{func() { s.Requested = s.Live }, rollout.RollingBack},
		{func() { s.Strategy.Paused = true }, rollout.Paused},
		{func() { s.BlockedBy = &rollout.BlockedBy{Reason: rollout.ReasonInvalidSettings} }, rollout.Blocked},
		{func() { s.Owned = nil }, rollout.Fulfilled},
		{func() { s.Sealed = s.Live }, rollout.Promoting},
		{func() { s.BlockedBy.Reason = rollout.ReasonInvalidRequest }, rollout.Invalid},
		{func() { s.RC.Deleting = true }, rollout.Deleting},
	} {
		step.change()
		assert.Equal(t, step.want, rollout.Decide(s).Phase)
	}
}

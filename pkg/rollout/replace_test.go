package rollout

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/rcroll/rcroll/pkg/api"
)

// A cancel finds the RC at 0, with a status that still counts the pod that has just
// been deleted. To scale it up must not make that pod count again.
func TestReplaceDoesNotCountPodsOnTheirWayOut(t *testing.T) {
	s := Snapshot{
		RC:        Member{Name: "tomcat", UID: "rc", Replicas: 0, StatusObserved: true, Pods: 1, Available: 1},
		Owned:     []Member{{Name: "tomcat-8", UID: "next", Replicas: 1, StatusObserved: true, Pods: 1, Available: 1}},
		Desired:   3,
		Requested: "7", Live: "7",
		Strategy: api.Strategy{MaxSurge: intstr.FromInt32(1), MaxUnavailable: intstr.FromInt32(2)},
	}
	decision := replace(s, s.RC, s.Owned)
	assert.Equal(t, []Action{stepUp(s, s.RC, 2)}, decision.Actions, "the only pod that is left must stay")
}

// The status of the RC is from before the last of its deletions. That it does not vouch
// for any pod is no reason to take one for broken, which would let it go first.
func TestReplaceDoesNotTakeDoubtForTrouble(t *testing.T) {
	s := Snapshot{
		RC: Member{Name: "tomcat", UID: "rc", Replicas: 3, StatusObserved: true, Pods: 4, Available: 4},
		Owned: []Member{
			{Name: "tomcat-9", UID: "next"},
			{Name: "tomcat-bad", UID: "stale", Replicas: 1, StatusObserved: true},
		},
		Desired:   4,
		Requested: "9", Live: "7",
		Strategy: api.Strategy{MaxSurge: intstr.FromInt32(1), MaxUnavailable: intstr.FromInt32(1)},
	}
	decision := replace(s, s.Owned[0], []Member{s.Owned[1], s.RC})
	assert.Empty(t, decision.Actions, "3 pods are available, and 3 must be")
}

// Between the next ReplicationController's creation and its first status both the agent
// and the manager would write it: one of them would do so for nothing.
func TestReplaceWaitsForTheStatusOfTheTarget(t *testing.T) {
	s := Snapshot{
		RC:        Member{Name: "tomcat", UID: "rc", Replicas: 5, StatusObserved: true, Pods: 5, Available: 5},
		Owned:     []Member{{Name: "tomcat-8", UID: "next"}},
		Desired:   5,
		Requested: "8", Live: "7",
		Strategy: api.Strategy{MaxSurge: intstr.FromInt32(1), MaxUnavailable: intstr.FromInt32(0)},
	}
	assert.Empty(t, replace(s, s.Owned[0], []Member{s.RC}).Actions)
	s.Owned[0].StatusObserved = true
	assert.Equal(t, []Action{stepUp(s, s.Owned[0], 1)}, replace(s, s.Owned[0], []Member{s.RC}).Actions)
}

// stepUp is a step of the target, which begins an update period.
func stepUp(s Snapshot, target Member, replicas int32) Action {
	action := s.scale(target, replicas)
	action.ScaleUp = true
	return action
}

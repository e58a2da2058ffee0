package agent

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"

	"github.com/rcroll/rcroll/pkg/rollout"
)

// Pods are not watched: a watch would hold every pod of the cluster in memory. While
// a rollout waits for some they are listed, first when most pods that are well would
// be ready, then less and less often. It is not how the agent learns that they are
// ready: that shows in the status of their ReplicationController, which is watched.
//
// A list costs the API server a walk over all pods of the namespace. So where many
// rollouts wait at the same time, most likely for a control plane that is busy, all
// together look no more than so many times a second, and who is refused waits for
// the next turn of its own.
const (
	looksPerSecond = 10
	looksAtOnce    = 20

	lookFirst = 5 * time.Second
	lookLast  = time.Minute

	// lookLeast is the time to the first look where the deadline is short.
	lookLeast = time.Second
)

// vigils remember of each rollout what it waits for, and what its pods told.
type vigils struct {
	mu   sync.Mutex
	byRC map[types.NamespacedName]*vigil

	// looks are counted over all rollouts.
	looks flowcontrol.PassiveRateLimiter
}

// vigil is that of one rollout. Its passes do not overlap.
type vigil struct {
	// lastStep is zero until the first one of this process.
	lastStep time.Time

	// target is the member that is waited for, as it was seen last.
	target rollout.Member

	// look is nil until the pods were listed for the first time.
	look *rollout.Look

	// next is when they are listed, interval the time from then to the next time.
	next     time.Time
	interval time.Duration
}

func newVigils(clock clock.PassiveClock) *vigils {
	return &vigils{
		byRC:  map[types.NamespacedName]*vigil{},
		looks: flowcontrol.NewTokenBucketPassiveRateLimiterWithClock(looksPerSecond, looksAtOnce, clock),
	}
}

func (v *vigils) of(rc types.NamespacedName) *vigil {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byRC[rc] == nil {
		v.byRC[rc] = &vigil{}
	}
	return v.byRC[rc]
}

func (v *vigils) forget(rc types.NamespacedName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.byRC, rc)
}

// stepped records a step.
func (v *vigil) stepped(now time.Time) { v.lastStep = now }

// end is called when nothing is waited for.
func (v *vigil) end() { *v = vigil{lastStep: v.lastStep} }

// keep begins to wait for the target, or goes on to. What changes of it is a reason
// to look again sooner, but no sooner than at the beginning.
func (v *vigil) keep(target rollout.Member, deadline time.Duration, now time.Time) {
	if target.UID != v.target.UID {
		v.end()
	}
	if target == v.target {
		return
	}
	v.target = target
	v.interval = max(lookLeast, min(lookFirst, deadline/2))
	if next := now.Add(v.interval); v.next.IsZero() || next.Before(v.next) {
		v.next = next
	}
}

// isDue tells that it is time to look, and that others leave room for it; if they do
// not, it is put off.
func (v *vigil) isDue(now time.Time, looks flowcontrol.PassiveRateLimiter) bool {
	if now.Before(v.next) {
		return false
	}
	if looks.TryAccept() {
		return true
	}
	v.next = now.Add(v.interval)
	return false
}

// saw records a look at the pods.
func (v *vigil) saw(look rollout.Look, now time.Time) {
	v.look = &look
	v.next = now.Add(v.interval)
	v.interval = min(2*v.interval, lookLast)
}

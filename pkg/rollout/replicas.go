package rollout

import (
	"fmt"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// limits are the bounds of a rollout.
type limits struct {
	desired int32

	// minAvailable = desired − maxUnavailable, maxPods = desired + maxSurge. Sums of
	// pods are of 64 bits: each term may be as large as 32 bits allow.
	minAvailable, maxPods int64

	// size is up to how many pods the target grows: less than desired at a step.
	size int32

	// live is the user's ReplicationController: at a step it has the pods that the
	// target lacks.
	live types.UID

	// rollbackStuck lets old pods that are not available go in any case.
	rollbackStuck bool
}

func limitsOf(s Snapshot) limits {
	maxSurge, maxUnavailable := s.Strategy.Resolve(s.Desired)
	return limits{
		desired:       s.Desired,
		minAvailable:  int64(s.Desired) - maxUnavailable,
		maxPods:       int64(s.Desired) + maxSurge,
		size:          s.Desired,
		live:          s.RC.UID,
		rollbackStuck: s.rollbackStuck(),
	}
}

// scaleTarget is the size of the target after this pass, with the reason if it
// stays, and when it may change by itself.
func scaleTarget(s Snapshot, target Member, old []Member, limits limits) (size int32, reason string, requeueAfter time.Duration) {
	if target.Replicas > limits.size {
		if !target.stable() {
			return target.Replicas, fmt.Sprintf("%s is still creating pods", target.Name), 0
		}
		return scaleDown(target, old, limits), "waiting until pods of the live template are available", 0
	}
	size = scaleUp(target, old, limits)
	switch {
	case target.Replicas == limits.size:
		return size, "waiting until all pods are available and the old ones gone", 0
	case size == target.Replicas:
		return size, "waiting until pods are available or gone", 0
	}
	if pause := s.untilScaleUp(target); pause > 0 {
		return target.Replicas, "waiting for the update period", pause
	}
	return size, "", 0
}

// scaleUp fills the room below maxPods with pods of the target:
//
//	size = min(size of the step, target + max(0, maxPods − Σ pods of all members))
//
// where a member counts as the larger of its spec and its status, unlike in the
// Deployment controller, which counts specs: pods that were told to go count until
// they do. E.g. 5 desired, surge 1, target at 1, RC at 4:
//
//	4 pods left: room 6−5 = 1, target goes to 2
//	5 pods left (the status does not yet show that one went): room 0, target stays
//
// While the status of another one is of an earlier spec, its manager may still be
// replacing pods that died, which neither tells of: then there is no room. And while
// that of the target is, its manager is about to write it: one of the two writes
// would meet a conflict, and be repeated.
func scaleUp(target Member, old []Member, limits limits) int32 {
	return target.Replicas + int32(min(int64(limits.size-target.Replicas), limits.room(target, old))) //nolint:gosec // at most the size
}

// room is how many pods may be added.
func (l limits) room(target Member, old []Member) int64 {
	if !target.StatusObserved {
		return 0
	}
	total := int64(target.pods())
	for _, member := range old {
		if !member.StatusObserved && !member.Deleting {
			return 0
		}
		total += int64(member.pods())
	}
	return max(0, l.maxPods-total)
}

// scaleDown is the size of a target that is larger than it should be: fewer pods are
// desired, or its template is requested again and starts at the first step. As many of
// its pods stay as the others lack:
//
//	size = max(size of the step, minAvailable − Σ available of the others)
//
// E.g. 5 desired, none unavailable, step 1, target at 3, RC at 2: target stays, and the
// RC grows where there is room; with 3 available there the target goes to 2, then to 1.
func scaleDown(target Member, old []Member, limits limits) int32 {
	missing := limits.minAvailable
	for _, member := range old {
		missing -= int64(member.available())
	}
	return int32(min(int64(target.Replicas), max(int64(limits.size), missing))) //nolint:gosec // at most the target's size, at least the step's
}

// scaleOld is the size of each of the old members after this pass. target.Replicas is
// what it will be after the pass, too. It is the Deployment controller's arithmetic;
// both of its steps are taken at once.
//
// First pods that are not available go: they serve nobody, and make room. As many
// may go as the specs exceed minAvailable, not counting what the target has still
// to show:
//
//	cleanup = Σ replicas − minAvailable − (target.replicas − target.available)
//
// E.g. 5 desired, none unavailable, surge 1, all 5 old pods broken, 1 new one:
// 6−5−(1−0) = 0 while the new one is not available, 6−5−0 = 1 afterwards. Without
// this bound a moment's trouble with the old pods would delete them all. It is lifted
// where a rollback would never end for it: neither template works.
//
// Then available pods go, as many as exceed minAvailable:
//
//	budget = Σ available − minAvailable
//
// Unavailable pods that go do not count here, and a ReplicationController manager
// deletes those first; so at least minAvailable of the pods counted remain. Where
// fewer were available to begin with, nothing available goes.
//
// At a step the RC keeps, or gets, the pods of the live template that the target lacks
// (keep): at 1 of 5 pods it has 4, whatever maxUnavailable allows.
func scaleOld(target Member, old []Member, limits limits) []int32 {
	replicas, available := int64(target.Replicas), int64(target.available())
	for _, member := range old {
		replicas += int64(member.Replicas)
		available += int64(member.available())
	}
	cleanup := max(0, replicas-limits.minAvailable-int64(target.Replicas-target.available()))
	budget := max(0, available-limits.minAvailable)
	if limits.rollbackStuck {
		cleanup = math.MaxInt64
	}

	sizes := make([]int32, len(old))
	for i, member := range old {
		unhealthy := min(cleanup, int64(member.unhealthy()), limits.spare(target, member, member.Replicas))
		cleanup -= unhealthy
		sizes[i] = member.Replicas - int32(unhealthy) //nolint:gosec // at most all of the member's, at least 0
	}
	for i, member := range old {
		if !member.stable() {
			continue
		}
		healthy := min(budget, limits.spare(target, member, sizes[i]))
		budget -= healthy
		sizes[i] -= int32(healthy) //nolint:gosec // at most what is left of the member, at least 0
	}
	limits.refill(target, old, sizes)
	return sizes
}

// keep is how many pods a member has at a step.
func (l limits) keep(target, member Member) int32 {
	if member.UID != l.live {
		return 0
	}
	return max(0, l.desired-max(l.size, target.Replicas))
}

// spare is how many of its pods a member can do without.
func (l limits) spare(target, member Member, replicas int32) int64 {
	return int64(max(0, replicas-l.keep(target, member)))
}

// refill adds pods of the live template where a step lacks them: more are desired, or
// another template is requested.
func (l limits) refill(target Member, old []Member, sizes []int32) {
	for i, member := range old {
		if lacks := l.keep(target, member) - member.Replicas; lacks > 0 && !member.Deleting {
			sizes[i] += int32(min(int64(lacks), l.room(target, old))) //nolint:gosec // at most desired
		}
	}
}

// untilScaleUp is how long the update period forbids to scale the target up. The
// first pods of a target come at once, and a rollback never waits: getting away
// from a bad template should be quick.
func (s Snapshot) untilScaleUp(target Member) time.Duration {
	if s.cancelled() || target.Replicas == 0 || s.Memory.LastScaleUp.IsZero() {
		return 0
	}
	return max(0, s.Memory.LastScaleUp.Add(s.Strategy.UpdatePeriod).Sub(s.Now))
}

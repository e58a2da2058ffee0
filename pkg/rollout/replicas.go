package rollout

import (
	"fmt"
	"math"
	"time"
)

// limits are the bounds of a rollout.
type limits struct {
	desired int32

	// minAvailable = desired − maxUnavailable, maxPods = desired + maxSurge. Sums of
	// pods are of 64 bits: each term may be as large as 32 bits allow.
	minAvailable, maxPods int64

	// rollbackStuck lets old pods that are not available go in any case.
	rollbackStuck bool
}

func limitsOf(s Snapshot) limits {
	maxSurge, maxUnavailable := s.Strategy.Resolve(s.Desired)
	return limits{
		desired:       s.Desired,
		minAvailable:  int64(s.Desired) - maxUnavailable,
		maxPods:       int64(s.Desired) + maxSurge,
		rollbackStuck: s.rollbackStuck(),
	}
}

// scaleTarget is the size of the target after this pass, with the reason if it
// stays, and when it may change by itself.
func scaleTarget(s Snapshot, target Member, old []Member, limits limits) (size int32, reason string, requeueAfter time.Duration) {
	if target.Replicas > limits.desired {
		if !target.stable() {
			return target.Replicas, fmt.Sprintf("%s is still creating pods", target.Name), 0
		}
		return limits.desired, "", 0
	}
	size = scaleUp(target, old, limits)
	switch {
	case target.Replicas == limits.desired:
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
//	size = min(desired, target + max(0, maxPods − Σ pods of all members))
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
	if !target.StatusObserved {
		return target.Replicas
	}
	total := int64(target.pods())
	for _, member := range old {
		if !member.StatusObserved && !member.Deleting {
			return target.Replicas
		}
		total += int64(member.pods())
	}
	size := int64(target.Replicas) + max(0, limits.maxPods-total)
	return int32(min(int64(limits.desired), size)) //nolint:gosec // at most desired, at least the target's size
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
		unhealthy := min(cleanup, int64(member.unhealthy()))
		cleanup -= unhealthy
		sizes[i] = member.Replicas - int32(unhealthy) //nolint:gosec // at most all of the member's, at least 0
	}
	for i, member := range old {
		if !member.stable() {
			continue
		}
		healthy := min(budget, int64(sizes[i]))
		budget -= healthy
		sizes[i] -= int32(healthy) //nolint:gosec // at most what is left of the member, at least 0
	}
	return sizes
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

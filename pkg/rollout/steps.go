package rollout

import (
	"time"

	"github.com/rcroll/rcroll/pkg/api"
)

// A rollout in steps grows to a size, or pauses there. Where it is shows in the objects,
// and nothing else is remembered:
//
//   - a size is reached when the new ReplicationController has it and its pods are
//     available, and there are no more old pods than are missing then;
//   - a pause is over when the approval of the request reaches its step. One for a time
//     begins when the conditions tell of it, and the agent has it approved at its end.
//
// An approval goes with its request, so that another request begins at the first step. A
// cancel has no steps.

// position is where a rollout in steps is.
type position struct {
	// number of the step, from 1; 0 if there are none, or none is left.
	number int

	// pause is set if the step is a pause.
	pause *api.Step

	// size is up to how many pods the new ReplicationController grows.
	size int32
}

// position finds the first step that is not over.
func (s Snapshot) position(newRC Member, old []Member) position {
	if s.cancelled() || s.Desired == 0 {
		return position{size: s.Desired}
	}
	size := int32(0)
	for i, step := range s.Strategy.Steps {
		at := position{number: i + 1, size: size}
		if step.Pause {
			at.pause = &step
		} else {
			size = max(size, step.Replicas(s.Desired))
			at.size = size
		}
		if at.number > s.Approved && (step.Pause || !s.reached(size, newRC, old)) {
			return at
		}
	}
	return position{size: s.Desired}
}

// reached reports whether the new ReplicationController has the size of a step, or more.
// A pod that is not available for a moment ends no pause that the conditions tell of.
func (s Snapshot) reached(size int32, newRC Member, old []Member) bool {
	if newRC.Replicas != size || s.toldPause() {
		return newRC.Replicas >= size
	}
	replicas := int64(0)
	for _, member := range old {
		replicas += int64(member.Replicas)
	}
	return newRC.available() == size && replicas <= int64(s.Desired-size)
}

// toldPause reports whether the conditions tell of the pause of a step.
func (s Snapshot) toldPause() bool {
	progressing := s.condition(Progressing)
	return progressing != nil && progressing.Reason == ReasonPausedAtStep
}

// Step is the number of the step that a rollout is at, and that step if it is a pause; 0 if
// it has none, or they are all over.
func (s Snapshot) Step() (number int, pause *api.Step) {
	newRC, old := s.newAndOld()
	if newRC == nil {
		return 0, nil
	}
	at := s.position(*newRC, old)
	return at.number, at.pause
}

// atPause reports whether a rollout is at a step that is a pause.
func (s Snapshot) atPause() bool {
	if len(s.Strategy.Steps) == 0 {
		return false
	}
	newRC, old := s.newAndOld()
	return newRC != nil && !newRC.Deleting && s.position(*newRC, old).pause != nil
}

// pauseAtStep waits for the end of a pause, or for its approval. Pods are still replaced
// where others are desired meanwhile.
func pauseAtStep(s Snapshot) Decision {
	newRC, old := s.newAndOld()
	position := s.position(*newRC, old)
	step := replace(s, *newRC, old)
	step.Poll, step.HeldUp = false, nil
	if position.pause.Duration == 0 {
		return s.announce(pausedAtStep(s, position), step)
	}
	since := s.Now
	if s.toldPause() {
		since = latest(s.condition(Progressing).LastTransitionTime.Time, s.ApprovedAt)
	}
	left := since.Add(position.pause.Duration).Sub(s.Now)
	if left <= 0 {
		decision := s.command(api.Approve, 0, "the pause is over")
		decision.Actions[0].Command.Step = position.number
		return decision
	}
	if step.RequeueAfter == 0 || step.RequeueAfter > left {
		step.RequeueAfter = max(left, time.Millisecond)
	}
	return s.announce(pausedAtStep(s, position), step)
}

package rollout

import "time"

// Phase is what a rollout is doing. It names the case of the cascade that decides.
type Phase string

const (
	// Deleting: the RC has a deletion timestamp.
	Deleting Phase = "Deleting"

	// Invalid: the recorded request does not parse, so that no command can name it.
	Invalid Phase = "Invalid"

	// Promoting: the RC takes the new template and the new pods over.
	Promoting Phase = "Promoting"

	// Fulfilled: the requested template is live and nothing else is left.
	Fulfilled Phase = "Fulfilled"

	// Blocked: a setting does not parse.
	Blocked Phase = "Blocked"

	// Paused: the user wants no step.
	Paused Phase = "Paused"

	// PausedAtStep: the rollout is at a step that is a pause.
	PausedAtStep Phase = "PausedAtStep"

	// Held: a policy wants no step, or not yet.
	Held Phase = "Held"

	// RollingBack: the live template is requested again.
	RollingBack Phase = "RollingBack"

	// Rolling: old pods are replaced by new ones.
	Rolling Phase = "Rolling"
)

// Decide returns the steps that are due, or the question that has to be answered in
// the Snapshot first (Decision.Question); with the answer it must be called again.
//
// Conditions are written when their meaning changes, which is rarely, and before
// the steps that they tell of. Both may be on the RC, and in one pass: the first
// write is under the version that was observed, so that the version that it returns
// differs from that one by the conditions and by nothing else.
func Decide(s Snapshot) Decision {
	phase, decide := s.phase()
	decision := s.heed(phase, decide(s))
	decision.Phase = phase
	return decision
}

// phase is the cascade. Its order is the priority of the cases: a promotion that has
// begun is finished, whatever else was asked for meanwhile, for the pods have no
// controller then, or are about to lose it; neither a pause nor broken settings keep
// a request from being forgotten that is fulfilled; both keep everything else as it is.
// Policies hold whatever is no rescue: neither the end of a promotion nor a rollback.
func (s Snapshot) phase() (Phase, func(Snapshot) Decision) {
	switch {
	case s.RC.Deleting:
		return Deleting, leaveToGarbageCollector
	case s.BlockedBy != nil && s.BlockedBy.Reason == ReasonInvalidRequest:
		return Invalid, block
	case s.promoting():
		return Promoting, promote
	case s.cancelled() && len(s.Owned) == 0:
		return Fulfilled, finish
	case s.BlockedBy != nil:
		return Blocked, block
	case s.Strategy.Paused:
		return Paused, pause
	case s.cancelled():
		return RollingBack, rollBack
	case s.atPause():
		return PausedAtStep, pauseAtStep
	case s.Hold != nil:
		return Held, hold
	default:
		return Rolling, roll
	}
}

func leaveToGarbageCollector(Snapshot) Decision {
	return stay("the ReplicationController is being deleted, and the garbage collector deletes what it owns")
}

func block(s Snapshot) Decision {
	return s.announce(blocked(*s.BlockedBy), stay(s.BlockedBy.Message))
}

// hold costs nothing while it lasts: a policy that changes wakes the rollout, and a time at
// which it ends by itself is known. The pods are not waited for, so that the deadline's clock
// stands still.
func hold(s Snapshot) Decision {
	decision := follow(s, s.Hold.Message)
	if at := latest(s.Hold.Until, s.Hold.Again); !at.IsZero() {
		decision.RequeueAfter = max(time.Second, at.Sub(s.Now))
	}
	return s.announce(held(*s.Hold), decision)
}

func pause(s Snapshot) Decision {
	return s.announce(paused(), follow(s, "the rollout is paused"))
}

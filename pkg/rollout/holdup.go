package rollout

import (
	"time"

	"github.com/rcroll/rcroll/pkg/api"
)

// A rollout is held up by its pods (see await), or by anything else: a step that is
// refused, an object that is yet to be deleted, kube-controller-manager. The same
// deadline holds for both, but this clock is in the agent's memory, for the objects
// do not show what was tried in vain. It starts with the first pass that is held up,
// and anew when one is not, or when the agent starts.

// holdUpPatience is how long something may hold a rollout up before its user is told:
// a restart of the webhook takes less.
const holdUpPatience = 10 * time.Second

// heed adds to a decision what is to be told of a rollout that is held up, and fails
// it after the deadline. The steps that are due are tried all the same.
func (s Snapshot) heed(phase Phase, decision Decision) Decision {
	problem := s.holdUp(phase, decision)
	if decision.HeldUp = problem; problem == nil {
		return decision
	}
	since := s.Memory.HeldUpSince
	if since.IsZero() {
		since = s.Now
	}
	patience, deadline := since.Add(holdUpPatience), since.Add(s.Strategy.ProgressDeadline)
	switch {
	case !deadline.After(s.Now) && s.Strategy.OnFailure == api.Rollback && phase == Rolling:
		rollback := cancelFailed(s)
		rollback.HeldUp = problem // It may fail as well, and is tried again then.
		return s.announce(rollbackBegins(s, *problem), rollback)
	case !deadline.After(s.Now):
		return s.announce(deadlineExceeded(s, *problem), decision.withoutConditions())
	case s.toldFailure() && s.Memory.LastStep.IsZero():
		// Another process found that it had failed, and nothing was done since.
		decision = decision.withoutConditions()
	case !patience.After(s.Now):
		decision = s.announce(heldUp(s, *problem), decision.withoutConditions())
	}
	next := deadline
	if patience.After(s.Now) && patience.Before(deadline) {
		next = patience
	}
	decision.RequeueAfter = next.Sub(s.Now)
	return decision
}

// holdUp is what keeps a rollout where it is, other than its pods; nil if nothing does. A
// rollback of a failed rollout keeps telling of the failure, and one whose template is live
// already has succeeded: they are not failed for their last steps.
func (s Snapshot) holdUp(phase Phase, decision Decision) *Problem {
	switch {
	case decision.Question != "" || decision.Awaits != nil || phase == RollingBack && s.rollsBackFailure():
		return nil
	case phase != Rolling && phase != RollingBack && phase != Promoting:
		return nil
	case s.Memory.StepError != "":
		return &Problem{Reason: ReasonStepFailed, Summary: stepFailedMessage, Detail: s.Memory.StepError}
	}
	return decision.HeldUp
}

// heldUp is a rollout that may still come right. Of a step that fails there has been
// an event.
func heldUp(s Snapshot, problem Problem) announcement {
	a := degraded(s, problem)
	if problem.Reason == ReasonStepFailed {
		a.events = nil
	}
	return a
}

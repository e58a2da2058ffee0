package rollout

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
)

// A rollout that waits for pods has a clock, which starts anew with all progress:
//
//   - the agent took a step (Snapshot.LastStep, which a restart forgets),
//   - a pod of the target was created or became available (Look.Progress),
//   - the target itself was created,
//   - the Progressing condition became true: at the start, after a pause, and when
//     a rollout that was given up for lost goes on after all.
//
// All but the first are read from the objects, and nothing is written for them: a
// Deployment writes a lastUpdateTime with every step, which a
// ReplicationController's conditions do not have. An agent that starts neither
// begins the clock again nor takes its own absence for a standstill: what became
// due meanwhile is a step, and steps come before any judgement.
//
// A pod that is replaced (evicted, deleted by hand) starts the clock anew: its
// successor gets the time that it got.

// Awaited is the member whose pods keep the rollout waiting: no step is due, but
// will be when they become available or go. Nil if that is not so.
func (s Snapshot) Awaited() *Member {
	switch {
	case s.RC.Deleting, s.Obstacle != nil, s.NameTaken != nil, s.Strategy.Paused, s.Promoting():
		return nil
	case s.Cancelled() && (len(s.Owned) == 0 || s.failure() != ""):
		return nil
	}
	target, others := s.sides()
	if target == nil || target.Deleting || !s.Cancelled() && canPromote(s, *target) {
		return nil
	}
	if decision := replace(s, *target, others); len(decision.Actions) > 0 || decision.LookAgain > 0 {
		return nil
	}
	return target
}

// Overdue tells that by what is known the rollout has just failed, so that a look at
// the pods that is not the latest will not do.
func (s Snapshot) Overdue(target Member) bool {
	progressing := s.condition(Progressing)
	told := progressing != nil && progressing.Status == corev1.ConditionFalse
	return s.Look != nil && !told && !s.deadline(target).After(s.Now)
}

// deadline is when the rollout has failed if nothing happens.
func (s Snapshot) deadline(target Member) time.Time {
	progress := latest(s.LastStep, target.Created, s.Look.Progress)
	if progressing := s.condition(Progressing); progressing != nil && progressing.Status == corev1.ConditionTrue {
		progress = latest(progress, progressing.LastTransitionTime.Time)
	}
	return progress.Add(s.Strategy.ProgressDeadline)
}

// await decides while nothing can be done: what is told of it, and when it is over.
func await(s Snapshot, target Member, decision Decision) Decision {
	decision.LookAgain = max(0, s.NextLook.Sub(s.Now))
	if s.Look == nil {
		return keepTelling(s, decision)
	}
	deadline := s.deadline(target)
	failed := !deadline.After(s.Now)
	switch {
	case failed && s.Strategy.OnFailure == api.Rollback && !s.Cancelled():
		return tell(s, givenUp(s), giveUp(s))
	case failed:
		return tell(s, outOfTime(s), decision)
	}
	decision.LookAgain = min(decision.LookAgain, deadline.Sub(s.Now))
	if trouble := s.Look.Trouble; trouble != nil && !trouble.Slow {
		return tell(s, troubled(s, *trouble), decision)
	}
	return tell(s, underway(s), decision)
}

// keepTelling leaves what is told as it is until there was a look at the pods, unless
// it is of something else. After a restart of the agent a rollout that had failed
// would otherwise be told to be on its way.
func keepTelling(s Snapshot, decision Decision) Decision {
	if s.tellsOf(goal(s)) {
		return decision
	}
	return tell(s, underway(s), decision)
}

// giveUp has the webhook request the live template, which cancels the rollout.
func giveUp(s Snapshot) Decision {
	plan := fmt.Sprintf("Rolling back %s. %s", s.RC.Name, intention(s, s.RC, without(s.Owned, "")))
	return s.send(api.Cancel, 0, s.RC.Name+" is rolled back because it failed", normal(ReasonRollingBack, plan))
}

// failure is what a rollout failed of that is rolled back for it, or was, as the
// conditions tell; empty if there is none.
func (s Snapshot) failure() string {
	progressing, stalled := s.condition(Progressing), s.condition(Stalled)
	switch {
	case progressing == nil:
		return ""
	case progressing.Reason == ReasonRolledBack,
		stalled != nil && stalled.Reason == ReasonRollingBack:
		return progressing.Message
	}
	return ""
}

// hopeless tells that the rollout was cancelled, and has made no progress with the
// old template either for too long: what is left of the new one need not be kept for
// better times.
func (s Snapshot) hopeless() bool {
	progressing := s.condition(Progressing)
	if !s.Cancelled() || s.RC.Replicas < s.Desired || progressing == nil || progressing.Status != corev1.ConditionFalse {
		return false
	}
	return s.failure() != "" || s.tellsOf(goal(s))
}

// tellsOf tells whether the Progressing condition says that, with or without details.
func (s Snapshot) tellsOf(head string) bool {
	progressing := s.condition(Progressing)
	return progressing != nil && (progressing.Message == head || strings.HasPrefix(progressing.Message, head+": "))
}

func (s Snapshot) condition(kind corev1.ReplicationControllerConditionType) *corev1.ReplicationControllerCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == kind {
			return &s.Conditions[i]
		}
	}
	return nil
}

package rollout

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
)

// A rollout that waits for pods has a clock, which starts anew with all progress:
//
//   - the agent took a step (Memory.LastStep, which a restart forgets),
//   - a pod of the target was created or became available (PodReport.Progress),
//   - the target itself was created,
//   - the Progressing condition became true: at the start, after a pause, and when
//     a rollout that had failed goes on after all.
//
// All but the first are read from the objects, and nothing is written for them: a
// Deployment writes a lastUpdateTime with every step, which a
// ReplicationController's conditions do not have. An agent that starts neither
// begins the clock again nor takes its own absence for a standstill: what became
// due meanwhile is a step, and steps come before any judgement.
//
// A pod that is replaced (evicted, deleted by hand) starts the clock anew: its
// successor gets the time that it got.

// await decides while nothing can be done until pods of the target become available or
// go: what its pods are reported to lack, and whether the deadline has passed.
func await(s Snapshot, target Member, decision Decision) Decision {
	decision.Awaits = &target
	report := s.Inspection.reportOn(target)
	if report == nil {
		if s.Inspection.isDue(target) {
			return Decision{Question: InspectPods, Awaits: &target}
		}
		return s.awaitReport(decision)
	}
	deadline := s.deadline(target, *report)
	exceeded := !deadline.After(s.Now)
	switch {
	case s.Inspection.Fresh:
	case exceeded && !s.toldFailure():
		// It failed by what was known before, which is not enough.
		return Decision{Question: InspectPodsNow, Awaits: &target}
	case s.Inspection.isDue(target):
		return Decision{Question: InspectPods, Awaits: &target}
	}
	switch {
	case exceeded && s.Strategy.OnFailure == api.Rollback && !s.cancelled():
		return s.announce(rollbackBegins(s, report.cause()), cancelFailed(s))
	case exceeded:
		return s.announce(deadlineExceeded(s, report.cause()), decision)
	}
	decision.RequeueAfter = deadline.Sub(s.Now)
	if problem := report.Problem; problem != nil && !problem.Slow {
		return s.announce(degraded(s, *problem), decision)
	}
	return s.announce(underway(s), decision)
}

// awaitReport leaves the conditions as they are that another process wrote, until this
// one has inspected the pods: after a restart of the agent a rollout that had failed
// would otherwise be reported to progress.
func (s Snapshot) awaitReport(decision Decision) Decision {
	if s.Memory.LastStep.IsZero() && s.toldProgress() {
		return decision
	}
	return s.announce(underway(s), decision)
}

// reportOn is nil if the target was not inspected.
func (i Inspection) reportOn(target Member) *PodReport {
	if i.Of != target.UID {
		return nil
	}
	return i.Report
}

func (i Inspection) isDue(target Member) bool { return i.Of == target.UID && i.Due && !i.Fresh }

// cause is what the pods lack. If that is nothing, it is not they that block the
// rollout.
func (r PodReport) cause() Problem {
	if r.Problem != nil {
		return *r.Problem
	}
	return Problem{Reason: ReasonDeadlineExceeded, Summary: noCauseMessage}
}

// deadline is when the rollout has failed if nothing happens.
func (s Snapshot) deadline(target Member, report PodReport) time.Time {
	progress := latest(s.Memory.LastStep, target.Created, report.Progress)
	if progressing := s.condition(Progressing); progressing != nil && progressing.Status == corev1.ConditionTrue {
		progress = latest(progress, progressing.LastTransitionTime.Time)
	}
	return progress.Add(s.Strategy.ProgressDeadline)
}

// cancelFailed has the webhook request the live template, which cancels the rollout.
func cancelFailed(s Snapshot) Decision {
	return s.command(api.Cancel, 0, s.RC.Name+" is rolled back because the rollout failed",
		normal(ReasonRollingBack, rollbackMessage(s)))
}

// toldProgress reports whether the conditions tell of a rollout, or of a rollback, that
// progresses or does not, as opposed to one that is paused, blocked or over.
func (s Snapshot) toldProgress() bool {
	progressing := s.condition(Progressing)
	if progressing == nil {
		return false
	}
	switch progressing.Reason {
	case ReasonUpdated, ReasonDeadlineExceeded:
		return !s.rollsBack()
	case ReasonRollingBack, ReasonRollbackDeadlineExceeded:
		return s.rollsBack()
	}
	return false
}

// toldFailure reports whether the conditions tell that the rollout does not progress.
func (s Snapshot) toldFailure() bool {
	progressing := s.condition(Progressing)
	return progressing != nil && progressing.Status == corev1.ConditionFalse
}

// rollsBackFailure reports whether a failed rollout is being rolled back, or was.
func (s Snapshot) rollsBackFailure() bool {
	progressing, stalled := s.condition(Progressing), s.condition(Stalled)
	if progressing == nil {
		return false
	}
	return progressing.Reason == ReasonRolledBack || stalled != nil && stalled.Reason == ReasonRollingBack
}

// rollbackStuck reports whether the rollout was cancelled, and has made no progress
// with the old template either before the deadline: what is left of the new one need
// not be kept for better times.
func (s Snapshot) rollbackStuck() bool {
	if !s.cancelled() || s.RC.Replicas < s.Desired || !s.toldFailure() {
		return false
	}
	return s.rollsBackFailure() || s.condition(Progressing).Reason == ReasonRollbackDeadlineExceeded
}

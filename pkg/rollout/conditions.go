package rollout

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/policy"
)

// Condition types of the RC. Progressing speaks the Deployment's vocabulary.
// Reconciling and Stalled are kstatus': they are there only while they are true.
const (
	Progressing corev1.ReplicationControllerConditionType = "Progressing"
	Reconciling corev1.ReplicationControllerConditionType = "Reconciling"
	Stalled     corev1.ReplicationControllerConditionType = "Stalled"
)

// ConditionChange is the difference between the conditions that there are and
// those that there should be.
type ConditionChange struct {
	// Set replaces the conditions of the same type.
	Set []corev1.ReplicationControllerCondition

	// Remove are the types of conditions that should not be there.
	Remove []corev1.ReplicationControllerConditionType

	// Problem is what the conditions tell of then, to be remembered once they are
	// written; nil if they tell of none.
	Problem *Problem

	// Told is what they tell, whatever the words, to be remembered as well.
	Told string
}

// announcement is what the user is told of a rollout: conditions, and events when it
// is told for the first time. What it means is in the types, statuses and reasons of
// the conditions; messages are for people.
type announcement struct {
	conditions []corev1.ReplicationControllerCondition
	events     []Event

	// step is the number of the step that is told of; 0 if none is.
	step int

	// result is that of a rollout whose end is told.
	result Result

	// problem is the one that the conditions tell of, if any. They are not written
	// again for the same one: its details differ from one inspection to the next.
	problem *Problem
}

// reconciling tells of a rollout that goes on, or would but for a pause.
func reconciling(status corev1.ConditionStatus, reason, why, message string) announcement {
	return announcement{conditions: []corev1.ReplicationControllerCondition{
		{Type: Progressing, Status: status, Reason: reason, Message: message},
		{Type: Reconciling, Status: corev1.ConditionTrue, Reason: why, Message: message},
	}}
}

// stalled tells of a rollout that does not go on by itself.
func stalled(reason, why, message string) announcement {
	return announcement{
		conditions: []corev1.ReplicationControllerCondition{
			{Type: Progressing, Status: corev1.ConditionFalse, Reason: reason, Message: message},
			{Type: Stalled, Status: corev1.ConditionTrue, Reason: why, Message: message},
		},
		events: []Event{warning(reason, message)},
	}
}

// over tells of a rollout that has ended. Nobody watches the RC from then on, so there
// is no condition that somebody would have to take away.
func over(status corev1.ConditionStatus, reason, message string) announcement {
	return announcement{conditions: []corev1.ReplicationControllerCondition{
		{Type: Progressing, Status: status, Reason: reason, Message: message},
	}}
}

// meaning is what is told, whatever the words.
func (a announcement) meaning() string {
	var told []string
	for _, condition := range a.conditions {
		told = append(told, fmt.Sprintf("%s=%s %s", condition.Type, condition.Status, condition.Reason))
	}
	if a.step > 0 {
		told = append(told, fmt.Sprintf("step %d", a.step))
	}
	if a.problem != nil {
		told = append(told, a.problem.Summary)
	}
	return strings.Join(told, "; ")
}

// underwayReason is the reason of Progressing while it is true.
func (s Snapshot) underwayReason() string {
	if s.rollsBack() {
		return ReasonRollingBack
	}
	return ReasonUpdated
}

// deadlineReason is the reason of Progressing when the deadline has passed.
func (s Snapshot) deadlineReason() string {
	if s.rollsBack() {
		return ReasonRollbackDeadlineExceeded
	}
	return ReasonDeadlineExceeded
}

func underway(s Snapshot) announcement {
	reason := s.underwayReason()
	a := reconciling(corev1.ConditionTrue, reason, reason, goalMessage(s))
	if s.rollsBack() && !s.toldProgress() {
		a.events = []Event{normal(ReasonRollingBack, rollbackMessage(s))}
	}
	return a
}

// degraded is a rollout that may still come right. Progressing keeps its reason, for
// it has not failed.
func degraded(s Snapshot, problem Problem) announcement {
	message := problemMessage(s, problem)
	a := reconciling(corev1.ConditionTrue, s.underwayReason(), problem.Reason, message)
	a.events = append(underway(s).events, warning(problem.Reason, message))
	a.problem = &problem
	return a
}

// deadlineExceeded is a rollout that has failed and stays as it is.
func deadlineExceeded(s Snapshot, cause Problem) announcement {
	a := stalled(s.deadlineReason(), cause.Reason, deadlineMessage(s, cause))
	a.problem = &cause
	return a
}

// rollbackBegins is a rollout that has failed and is rolled back for it.
func rollbackBegins(s Snapshot, cause Problem) announcement {
	a := stalled(s.deadlineReason(), ReasonRollingBack, deadlineMessage(s, cause))
	a.problem = &cause
	return a
}

func paused() announcement {
	a := reconciling(corev1.ConditionUnknown, ReasonPaused, ReasonPaused, pausedMessage)
	a.events = []Event{normal(ReasonPaused, pausedMessage)}
	return a
}

func pausedAtStep(s Snapshot, at position) announcement {
	message := pausedAtStepMessage(s, at)
	a := reconciling(corev1.ConditionUnknown, ReasonPausedAtStep, ReasonPausedAtStep, message)
	a.events = []Event{normal(ReasonPausedAtStep, message)}
	a.step = at.number
	return a
}

func held(by policy.Hold) announcement {
	reason := string(by.Kind)
	a := reconciling(corev1.ConditionUnknown, reason, reason, by.Message)
	a.events = []Event{normal(reason, by.Message)}
	return a
}

func blocked(by BlockedBy) announcement { return stalled(by.Reason, by.Reason, by.Message) }

func complete(s Snapshot) announcement {
	a := over(corev1.ConditionTrue, ReasonComplete, completeMessage(s))
	if len(s.Differs) > 0 {
		a.events = []Event{warning(ReasonTemplateDiffers, a.conditions[0].Message)}
	}
	return a
}

// ended is a rollout whose template is live, with nothing else left. After a promotion
// it has been told already. One that failed and was rolled back tells so until the
// next rollout.
func ended(s Snapshot) announcement {
	progressing := s.condition(Progressing)
	switch {
	case s.rollsBackFailure() && progressing.Reason == ReasonRolledBack:
		return over(corev1.ConditionFalse, ReasonRolledBack, progressing.Message)
	case s.rollsBackFailure():
		a := over(corev1.ConditionFalse, ReasonRolledBack, rolledBackMessage(s, progressing.Message))
		a.events = []Event{normal(ReasonSucceeded, rollbackEndMessage(s))}
		a.result = RolledBack
		return a
	}
	a := complete(s)
	if progressing == nil || progressing.Reason == ReasonRollingBack || progressing.Reason == ReasonRollbackDeadlineExceeded {
		a.events = append(a.events, normal(ReasonSucceeded, rollbackEndMessage(s)))
		a.result = Cancelled
	}
	return a
}

// announce is the decision with the conditions written first, where they differ.
func (s Snapshot) announce(a announcement, decision Decision) Decision {
	change := s.changeTo(a)
	if change.isEmpty() {
		return decision
	}
	if change.Told = a.meaning(); change.Told == s.Memory.Told {
		// kube-controller-manager put older ones back; its users have heard of these.
		a.events, a.result = nil, ""
	}
	decision.Actions = slices.Insert(decision.Actions, 0, Action{
		Kind:       SetConditions,
		Name:       s.RC.Name,
		UID:        s.RC.UID,
		Conditions: change,
		Events:     a.events,
		Result:     a.result,
	})
	return decision
}

func (s Snapshot) differs(a announcement) bool { return !s.changeTo(a).isEmpty() }

func (c ConditionChange) isEmpty() bool { return len(c.Set) == 0 && len(c.Remove) == 0 }

// changeTo compares the conditions with what is to be told.
func (s Snapshot) changeTo(a announcement) ConditionChange {
	change := ConditionChange{Problem: a.problem}
	sameMeaning := true
	for _, condition := range a.conditions {
		meaning, words := s.compare(condition)
		sameMeaning = sameMeaning && meaning
		if !meaning || !words {
			change.Set = append(change.Set, s.stamped(condition))
		}
	}
	for _, own := range []corev1.ReplicationControllerConditionType{Progressing, Reconciling, Stalled} {
		wanted := slices.ContainsFunc(a.conditions, func(c corev1.ReplicationControllerCondition) bool { return c.Type == own })
		if !wanted && s.condition(own) != nil {
			change.Remove = append(change.Remove, own)
			sameMeaning = false
		}
	}
	if sameMeaning && s.toldOf(a.problem) {
		return ConditionChange{}
	}
	return change
}

// compare reports whether the condition is there with the same meaning, and whether in
// the same words.
func (s Snapshot) compare(condition corev1.ReplicationControllerCondition) (meaning, words bool) {
	old := s.condition(condition.Type)
	meaning = old != nil && old.Status == condition.Status && old.Reason == condition.Reason
	return meaning, meaning && old.Message == condition.Message
}

// stamped is the condition with its time: that of the last change of its status, as
// everywhere. Of a pause at a step it is when that began, after another pause as well.
func (s Snapshot) stamped(condition corev1.ReplicationControllerCondition) corev1.ReplicationControllerCondition {
	condition.LastTransitionTime = metav1.NewTime(s.Now)
	if old := s.condition(condition.Type); old != nil && old.Status == condition.Status &&
		(condition.Reason != ReasonPausedAtStep || old.Reason == condition.Reason) {
		condition.LastTransitionTime = old.LastTransitionTime
	}
	return condition
}

// toldOf reports whether conditions of the same meaning tell of that problem already. Of
// those that another process wrote it is assumed.
func (s Snapshot) toldOf(problem *Problem) bool {
	return problem != nil && (s.Memory.Problem == nil || s.Memory.Problem.same(*problem))
}

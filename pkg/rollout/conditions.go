package rollout

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
}

// standing is how a rollout is doing: its conditions, and what to tell the user
// when it gets there.
type standing struct {
	conditions []corev1.ReplicationControllerCondition
	events     []Event
}

// goal says what the rollout is about. Every message about its progress begins so.
func goal(s Snapshot) string {
	if s.Cancelled() {
		return fmt.Sprintf("Rolling back %s to the template it has", s.RC.Name)
	}
	return fmt.Sprintf("Replacing the pods of %s by those of %s", s.RC.Name, s.NewRCName())
}

func underway(s Snapshot) standing {
	if !s.Cancelled() {
		return inProgress(corev1.ConditionTrue, ReasonUpdated, goal(s))
	}
	standing := inProgress(corev1.ConditionTrue, ReasonRollingBack, goal(s))
	if !s.tellsOf(goal(s)) {
		standing.events = []Event{normal(ReasonRollingBack,
			fmt.Sprintf("Rolling back %s. %s", s.RC.Name, intention(s, s.RC, without(s.Owned, ""))))}
	}
	return standing
}

// troubled is a rollout that may still come right. Progressing keeps its reason, for
// it has not failed.
func troubled(s Snapshot, trouble Trouble) standing {
	standing := underway(s)
	message := s.told(goal(s)+": "+trouble.head(), trouble.Detail)
	for i := range standing.conditions {
		standing.conditions[i].Message = message
	}
	standing.conditions[1].Reason = trouble.Reason
	standing.events = append(standing.events, warning(trouble.Reason, message))
	return standing
}

// outOfTime is a rollout that has failed and stays as it is.
func outOfTime(s Snapshot) standing {
	trouble := s.trouble()
	message := s.told(fmt.Sprintf("%s: no progress for %s: %s", goal(s), s.Strategy.ProgressDeadline, trouble.head()), trouble.Detail)
	return failed(message, trouble.Reason)
}

// givenUp is a rollout that has failed and is rolled back for it.
func givenUp(s Snapshot) standing {
	standing := outOfTime(s)
	return failed(standing.conditions[0].Message, ReasonRollingBack)
}

func failed(message, reason string) standing {
	return standing{
		conditions: []corev1.ReplicationControllerCondition{
			{Type: Progressing, Status: corev1.ConditionFalse, Reason: ReasonDeadlineExceeded, Message: message},
			{Type: Stalled, Status: corev1.ConditionTrue, Reason: reason, Message: message},
		},
		events: []Event{warning(ReasonDeadlineExceeded, message)},
	}
}

// rolledBack is the end of a rollout that failed. Nobody watches the RC from here
// on, so there is no Stalled that nobody would ever take away; Progressing tells
// what happened until the next rollout.
func rolledBack(s Snapshot) standing {
	message := s.failure()
	if s.condition(Progressing).Reason != ReasonRolledBack {
		message = fmt.Sprintf("%s was rolled back. %s", s.RC.Name, message)
	}
	return standing{conditions: []corev1.ReplicationControllerCondition{{
		Type: Progressing, Status: corev1.ConditionFalse, Reason: ReasonRolledBack, Message: message,
	}}}
}

// ending is what is told of a rollout whose template is live, with nothing else left.
// After a promotion it has been told already.
func ending(s Snapshot) standing {
	end := complete(s)
	progressing := s.condition(Progressing)
	failed := s.failure() != ""
	if failed {
		end = rolledBack(s)
	}
	if progressing == nil || failed || progressing.Reason == ReasonRollingBack {
		end.events = []Event{normal(ReasonSucceeded, fmt.Sprintf("Rollback succeeded. %s keeps its template", s.RC.Name))}
	}
	return end
}

// trouble is what the pods told. If they tell of none it is not they who are in the way.
func (s Snapshot) trouble() Trouble {
	if s.Look.Trouble != nil {
		return *s.Look.Trouble
	}
	return Trouble{Reason: ReasonDeadlineExceeded, Summary: "all pods are ready, but the ReplicationController manager does not go on"}
}

func (t Trouble) head() string { return t.Reason + ": " + t.Summary }

// told is a message of a head and a detail. If what is told already has the same
// head it stays as it is: the detail differs from one look to the next, and is not
// worth a write.
func (s Snapshot) told(head, detail string) string {
	if s.tellsOf(head) {
		return s.condition(Progressing).Message
	}
	if detail == "" {
		return head
	}
	return head + ": " + detail
}

func paused() standing {
	const message = "The rollout is paused"
	standing := inProgress(corev1.ConditionUnknown, ReasonPaused, message)
	standing.events = []Event{normal(ReasonPaused, message)}
	return standing
}

func inProgress(progressing corev1.ConditionStatus, reason, message string) standing {
	return standing{conditions: []corev1.ReplicationControllerCondition{
		{Type: Progressing, Status: progressing, Reason: reason, Message: message},
		{Type: Reconciling, Status: corev1.ConditionTrue, Reason: reason, Message: message},
	}}
}

func complete(s Snapshot) standing {
	return standing{conditions: []corev1.ReplicationControllerCondition{{
		Type: Progressing, Status: corev1.ConditionTrue, Reason: ReasonComplete,
		Message: fmt.Sprintf("%s has the requested template", s.RC.Name),
	}}}
}

func stalled(obstacle Obstacle) standing {
	return standing{
		conditions: []corev1.ReplicationControllerCondition{
			{Type: Progressing, Status: corev1.ConditionFalse, Reason: obstacle.Reason, Message: obstacle.Message},
			{Type: Stalled, Status: corev1.ConditionTrue, Reason: obstacle.Reason, Message: obstacle.Message},
		},
		events: []Event{warning(obstacle.Reason, obstacle.Message)},
	}
}

func nameTaken(s Snapshot) Obstacle {
	return Obstacle{Reason: ReasonNameTaken, Message: fmt.Sprintf(
		"A ReplicationController named %s exists that %s does not control: delete or rename it, and the rollout goes on",
		s.NewRCName(), s.RC.Name)}
}

// report is the decision to do nothing but tell of it.
func report(s Snapshot, standing standing, reason string) Decision {
	return tell(s, standing, wait(reason))
}

// tell is the decision with the conditions written first, where they differ.
func tell(s Snapshot, standing standing, decision Decision) Decision {
	if !differs(s, standing) {
		return decision
	}
	decision.Actions = slices.Insert(decision.Actions, 0, Action{
		Kind:       SetConditions,
		Name:       s.RC.Name,
		UID:        s.RC.UID,
		Conditions: changeOf(s.Conditions, standing.conditions, s),
		Events:     standing.events,
	})
	return decision
}

func differs(s Snapshot, standing standing) bool {
	change := changeOf(s.Conditions, standing.conditions, s)
	return len(change.Set) > 0 || len(change.Remove) > 0
}

// changeOf compares by meaning: the time of a condition is that of the last change
// of its status, as everywhere.
func changeOf(have, want []corev1.ReplicationControllerCondition, s Snapshot) ConditionChange {
	present := map[corev1.ReplicationControllerConditionType]corev1.ReplicationControllerCondition{}
	for _, condition := range have {
		present[condition.Type] = condition
	}
	var change ConditionChange
	for _, condition := range want {
		old, found := present[condition.Type]
		delete(present, condition.Type)
		condition.LastTransitionTime = metav1.NewTime(s.Now)
		if found && old.Status == condition.Status {
			condition.LastTransitionTime = old.LastTransitionTime
			if old.Reason == condition.Reason && old.Message == condition.Message {
				continue
			}
		}
		change.Set = append(change.Set, condition)
	}
	for _, own := range []corev1.ReplicationControllerConditionType{Progressing, Reconciling, Stalled} {
		if _, left := present[own]; left {
			change.Remove = append(change.Remove, own)
		}
	}
	return change
}

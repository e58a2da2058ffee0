package rollout

import (
	"fmt"
	"strings"

	"github.com/rcroll/rcroll/pkg/api"
)

// Everything that users read in events and conditions of a rollout, but for the words
// of kubelets, schedulers and the API server, and for what is wrong with an annotation
// (package api). Nothing is decided by these words.

const (
	pausedMessage = "The rollout is paused"

	stepFailedMessage = "a step cannot be taken, and is tried again"

	noCauseMessage = "all pods are ready, but kube-controller-manager does not count them as available"
)

// goalMessage says what the rollout is about. Every message about its progress begins
// with it.
func goalMessage(s Snapshot) string {
	if s.rollsBack() {
		return fmt.Sprintf("Rolling back %s to its live template", s.RC.Name)
	}
	return fmt.Sprintf("Replacing the pods of %s by those of %s", s.RC.Name, s.NewRCName())
}

func problemMessage(s Snapshot, problem Problem) string {
	return join(": ", goalMessage(s), problem.Reason, problem.Summary, problem.Detail)
}

func deadlineMessage(s Snapshot, cause Problem) string {
	since := fmt.Sprintf("no progress for %s", s.Strategy.ProgressDeadline)
	return join(": ", goalMessage(s), since, cause.Reason, cause.Summary, cause.Detail)
}

// pausedAtStepMessage says where the rollout is, and how it goes on.
func pausedAtStepMessage(s Snapshot, at position) string {
	where := fmt.Sprintf("Paused at step %d of %d, with %d of %d pods of %s", at.number, len(s.Strategy.Steps), at.size, s.Desired, s.NewRCName())
	if at.pause.Duration > 0 {
		return fmt.Sprintf("%s, for %s", where, at.pause.Duration)
	}
	return fmt.Sprintf("%s, waiting for approval: kubectl annotate rc/%s --overwrite %s=%s",
		where, s.RC.Name, api.ApproveAnnotation, api.Approval{Hash: s.Requested, Step: at.number})
}

// summaryMessage is the old command's summary of what is about to happen.
func summaryMessage(s Snapshot, target Member, old []Member) string {
	down := make([]string, 0, len(old))
	for _, rc := range old {
		down = append(down, fmt.Sprintf("%s from %d to 0", rc.Name, rc.Replicas))
	}
	limits := limitsOf(s)
	return fmt.Sprintf("Scaling up %s from %d to %d, scaling down %s (keep %d pods available, don't exceed %d pods)",
		target.Name, target.Replicas, s.Desired, strings.Join(down, ", "), limits.minAvailable, limits.maxPods)
}

// scalingMessage is the old command's line for a step.
func scalingMessage(member Member, replicas int32) string {
	direction := "down"
	if replicas > member.Replicas {
		direction = "up"
	}
	return fmt.Sprintf("Scaling %s %s to %d", member.Name, direction, replicas)
}

func rollbackMessage(s Snapshot) string {
	return fmt.Sprintf("Rolling back %s. %s", s.RC.Name, summaryMessage(s, s.RC, sortedWithout(s.Owned, "")))
}

func rolledBackMessage(s Snapshot, failure string) string {
	return fmt.Sprintf("%s was rolled back. %s", s.RC.Name, failure)
}

func rollbackEndMessage(s Snapshot) string {
	return fmt.Sprintf("Rollback succeeded. %s keeps its template", s.RC.Name)
}

func completeMessage(s Snapshot) string {
	message := fmt.Sprintf("%s has the requested template", s.RC.Name)
	if len(s.Differs) > 0 {
		message += fmt.Sprintf(", except for %s: something changed it when it was stored, such as a mutating webhook or policy",
			strings.Join(s.Differs, ", "))
	}
	return message
}

func promotionMessage(s Snapshot, newRC Member) string {
	return fmt.Sprintf("All pods are updated. %s takes over the pods of %s", s.RC.Name, newRC.Name)
}

func takeoverMessage(s Snapshot) string {
	return fmt.Sprintf("%s has taken over the pods of %s", s.RC.Name, s.NewRCName())
}

func nameConflictMessage(s Snapshot) string {
	return fmt.Sprintf("A ReplicationController named %s exists that rcroll did not create for %s: delete it, and the rollout goes on",
		s.NewRCName(), s.RC.Name)
}

// join joins what is not empty.
func join(separator string, parts ...string) string {
	var found []string
	for _, part := range parts {
		if part != "" {
			found = append(found, part)
		}
	}
	return strings.Join(found, separator)
}

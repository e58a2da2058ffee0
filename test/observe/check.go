package observe

import (
	"fmt"
	"strings"

	"github.com/rcroll/rcroll/pkg/api"
)

// Any stands for a number that is not checked.
const Any = -1

// Bounds are the promises of one rollout in numbers.
type Bounds struct {
	// MinAvailable is desired − maxUnavailable (P1).
	MinAvailable int

	// MaxPods is desired + maxSurge (P2).
	MaxPods int

	// Created and Deleted are the numbers of pods that the rollout needs (P4), or Any.
	Created, Deleted int
}

// Violation is one promise that was not kept.
type Violation struct {
	// Property is "P1" to "P4", or "watch" if what was seen does not say.
	Property string
	Message  string
}

// Error implements error.
func (v Violation) Error() string { return v.Property + ": " + v.Message }

// Check returns the promises that were not kept, each with the first moment at which
// that was seen.
func (r Result) Check(bounds Bounds) []Violation {
	var violations []Violation
	report := func(property, format string, args ...any) {
		violations = append(violations, Violation{Property: property, Message: fmt.Sprintf(format, args...)})
	}
	if r.Err != nil {
		report("watch", "events may have been missed: %v", r.Err)
	}
	tooFew := func(m Moment) bool { return m.Available() < bounds.MinAvailable }
	if moment, found := r.First(tooFew); found {
		report("P1", "fewer than %d pods available, at worst %d: %s", bounds.MinAvailable, r.LowestAvailable(), moment)
	}
	tooMany := func(m Moment) bool { return len(m.Pods) > bounds.MaxPods }
	if moment, found := r.First(tooMany); found {
		report("P2", "more than %d pods, at worst %d: %s", bounds.MaxPods, r.HighestPods(), moment)
	}
	for _, message := range r.checkIdentity() {
		report("P3", "%s", message)
	}
	created, deleted := r.turnover()
	if bounds.Created != Any && len(created) != bounds.Created {
		report("P4", "%d pods created instead of %d: %s", len(created), bounds.Created, names(created))
	}
	if bounds.Deleted != Any && len(deleted) != bounds.Deleted {
		report("P4", "%d pods deleted instead of %d: %s", len(deleted), bounds.Deleted, names(deleted))
	}
	return violations
}

// CheckCancel reports whether a rollout that was cancelled left alone what it had not
// touched: of the pods with the live image, all that the ReplicationController was to
// keep at that moment are there at the end. (It may have been scaled down before,
// and the pods be seen for another moment.) Only the first cancel is checked.
func (r Result) CheckCancel() []Violation {
	cancelled, found := r.First(func(m Moment) bool { return m.RC != nil && m.RC.Requested() == m.RC.Image })
	if !found {
		return []Violation{{Property: "watch", Message: "the rollout was never cancelled"}}
	}
	old := cancelled.WithImage(cancelled.RC.Image)
	keep := min(len(old), int(cancelled.RC.Replicas()))
	if kept := r.Kept(old); kept < keep {
		return []Violation{{Property: "P4", Message: fmt.Sprintf(
			"%d of %d pods were kept that served when the rollout was cancelled: %s", kept, keep, cancelled)}}
	}
	return nil
}

// checkIdentity reports whether the ReplicationController stayed what it is: always
// there, the same object, its spec owned by its users, and its template as it was
// except by a promotion, which seals the selector in the same write.
func (r Result) checkIdentity() []string {
	var messages []string
	report := func(moment Moment, format string, args ...any) {
		messages = append(messages, fmt.Sprintf(format, args...)+": "+moment.String())
	}
	if missing, found := r.First(func(m Moment) bool { return m.RC == nil }); found {
		report(missing, "the ReplicationController is gone")
		return messages
	}
	first := r.Moments[0].RC
	sameObject := func(m Moment) bool {
		return m.RC.UID == first.UID && m.RC.CreationTimestamp.Equal(&first.CreationTimestamp)
	}
	if other, found := r.First(func(m Moment) bool { return !sameObject(m) }); found {
		report(other, "the ReplicationController is another one: UID %s instead of %s", other.RC.UID, first.UID)
	}
	if owned, found := r.First(func(m Moment) bool { return m.RC.SpecOwner() != "" }); found {
		report(owned, "%s owns a part of the spec", owned.RC.SpecOwner())
	}
	for i := 1; i < len(r.Moments); i++ {
		before, after := r.Moments[i-1].RC, r.Moments[i].RC
		if before.Image != after.Image && after.Spec.Selector[api.SealedLabel] == "" {
			report(r.Moments[i], "the live image changed from %s to %s outside of a promotion", before.Image, after.Image)
		}
	}
	return messages
}

// SpecOwner is the field manager of rcroll's that owns a part of the spec; empty if
// there is none, as it should be: the next server-side apply would meet a conflict.
func (rc RC) SpecOwner() string {
	for _, entry := range rc.ManagedFields {
		isRcroll := strings.Contains(entry.Manager, "rcroll")
		if isRcroll && entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:spec"`) {
			return entry.Manager
		}
	}
	return ""
}

func names(pods []Pod) string {
	out := make([]string, len(pods))
	for i, pod := range pods {
		out[i] = fmt.Sprintf("%s (%s, of %s)", pod.Name, pod.Image, pod.Owner)
	}
	return strings.Join(out, ", ")
}

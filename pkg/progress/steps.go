package progress

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// step finds the step that the rollout is at, as the agent does. It is at a pause once the
// agent tells so.
func (r *Rollout) step(rc *unstructured.Unstructured) {
	if r.New == nil || r.Cancelled {
		return
	}
	conditions, _ := rollout.ConditionsOf(rc)
	progressing := rollout.FindCondition(conditions, rollout.Progressing)
	paused := progressing != nil && progressing.Reason == rollout.ReasonPausedAtStep
	if len(r.Strategy.Steps) == 0 {
		// Where a policy has steps that the reader may not read, the agent tells all the same.
		if paused && r.tells(progressing) {
			r.Phase = PausedAtStep
		}
		return
	}
	s := rollout.Snapshot{
		RC: r.RC, Owned: append([]rollout.Member{*r.New}, r.Old...), Desired: r.Desired, Requested: r.RequestedHash,
		Approved: api.ApprovedStep(rc.GetAnnotations(), r.RequestedHash), Strategy: r.Strategy, Conditions: conditions,
	}
	r.Step, r.Pause = s.Step()
	if r.Pause != nil && paused {
		r.Phase, r.Reason, r.Message = PausedAtStep, progressing.Reason, progressing.Message
	}
}

// NeedsApproval reports whether the rollout is at a pause that only an approval ends. Of one
// that is not known nobody can tell.
func (r *Rollout) NeedsApproval() bool {
	return r.Phase == PausedAtStep && r.Pause != nil && r.Pause.Duration == 0
}

// StepText says at which step the rollout is; empty if it has none.
func (r *Rollout) StepText() string {
	if r.Step == 0 {
		if r.Phase == PausedAtStep {
			return "a step of a RolloutPolicy that cannot be read"
		}
		return ""
	}
	text := fmt.Sprintf("step %d of %d", r.Step, len(r.Strategy.Steps))
	switch {
	case r.NeedsApproval():
		text += ", waiting for approval"
	case r.Phase == PausedAtStep:
		text += ", " + r.Pause.String()
	}
	return text
}

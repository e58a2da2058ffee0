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
	if len(r.Strategy.Steps) == 0 || r.New == nil || r.Cancelled {
		return
	}
	conditions, _ := rollout.ConditionsOf(rc)
	s := rollout.Snapshot{
		RC: r.RC, Owned: append([]rollout.Member{*r.New}, r.Old...), Desired: r.Desired, Requested: r.RequestedHash,
		Approved: api.ApprovedStep(rc.GetAnnotations(), r.RequestedHash), Strategy: r.Strategy, Conditions: conditions,
	}
	r.Step, r.Pause = s.Step()
	progressing := rollout.FindCondition(conditions, rollout.Progressing)
	if r.Pause != nil && progressing != nil && progressing.Reason == rollout.ReasonPausedAtStep {
		r.Phase, r.Reason, r.Message = PausedAtStep, progressing.Reason, progressing.Message
	}
}

// NeedsApproval reports whether the rollout is at a pause that only an approval ends.
func (r *Rollout) NeedsApproval() bool { return r.Phase == PausedAtStep && r.Pause.Duration == 0 }

// StepText says at which step the rollout is; empty if it has none.
func (r *Rollout) StepText() string {
	if r.Step == 0 {
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

package agent

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// tellRights announces who has overridden policies, and who has approved a step: it is stored
// by then, which the webhook cannot know. An agent that takes over tells what still holds once
// more, rather than not at all.
func (r *reconciler) tellRights(o *observation) {
	annotations := o.rc.GetAnnotations()
	if text := annotations[api.OverriddenAnnotation]; text != o.memory.overridden {
		o.memory.overridden = text
		if overridden, err := api.ParseOverridden(text); err == nil && o.snapshot.Now.Before(overridden.Until) {
			r.events.Event(o.rc, corev1.EventTypeWarning, rollout.ReasonPolicyOverridden, overriddenMessage(overridden))
		}
	}
	if text := annotations[api.ApproveAnnotation]; text != o.memory.approved {
		o.memory.approved = text
		if o.snapshot.Approved > 0 {
			r.events.Event(o.rc, corev1.EventTypeNormal, rollout.ReasonStepApproved,
				approvedMessage(o.snapshot.Approved, annotations[api.ApprovedByAnnotation]))
		}
	}
}

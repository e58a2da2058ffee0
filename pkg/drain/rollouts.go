package drain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// progress is what there is of rollouts.
type progress struct {
	// left are all ReplicationControllers that rollouts are not done with, and why, for
	// people.
	left []string

	// cancel are those whose rollout has to be cancelled to end, resume those that are
	// cancelled and paused.
	cancel, resume []*corev1.ReplicationController
}

// progressOf judges the ReplicationControllers with the label api.RollingLabel. A rollout
// is given time to end by itself; it is not, if it is paused or has failed, and when the
// time is up.
func progressOf(rcs []corev1.ReplicationController, timeIsUp bool) progress {
	var p progress
	for i := range rcs {
		rc := &rcs[i]
		_, requested := rc.Annotations[api.RequestAnnotation]
		// The template of such a request is live already: the rollout is being cancelled, or is
		// about to end.
		_, ends := rc.Annotations[api.PromotedAnnotation]
		paused := rc.Annotations[api.PausedAnnotation] == api.True
		switch {
		case requested && !ends && (paused || timeIsUp || isStalled(rc) || isPausedAtStep(rc)):
			p.cancel = append(p.cancel, rc)
		case requested && ends && paused:
			p.resume = append(p.resume, rc)
		}
		p.left = append(p.left, describe(rc))
	}
	slices.Sort(p.left)
	return p
}

func isStalled(rc *corev1.ReplicationController) bool {
	stalled := rollout.FindCondition(rc.Status.Conditions, rollout.Stalled)
	return stalled != nil && stalled.Status == corev1.ConditionTrue
}

func isPausedAtStep(rc *corev1.ReplicationController) bool {
	progressing := rollout.FindCondition(rc.Status.Conditions, rollout.Progressing)
	return progressing != nil && progressing.Reason == rollout.ReasonPausedAtStep
}

// describe names an object, and what its conditions say of it.
func describe(rc *corev1.ReplicationController) string {
	name := fmt.Sprintf("rc/%s in namespace %s", rc.Name, rc.Namespace)
	if owner := api.ControllerOf(rc); owner != nil {
		return name + " (of rc/" + owner.Name + ")"
	}
	var reasons []string
	for _, condition := range rc.Status.Conditions {
		if slices.Contains([]corev1.ReplicationControllerConditionType{rollout.Progressing, rollout.Stalled}, condition.Type) {
			reasons = append(reasons, fmt.Sprintf("%s=%s %s", condition.Type, condition.Status, condition.Reason))
		}
	}
	return fmt.Sprintf("%s (%s)", name, cmp.Or(strings.Join(reasons, ", "), "no condition tells of it"))
}

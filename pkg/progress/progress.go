package progress

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// Phase is the state of a rollout, in one word.
type Phase string

const (
	// Complete: no rollout is pending, and all pods are of the template and available.
	Complete Phase = "Complete"

	// Settling: no rollout is pending, but pods are still missing, not available, or not
	// of the template.
	Settling Phase = "Settling"

	// RolledBack: no rollout is pending, and the last one failed and was rolled back.
	RolledBack Phase = "RolledBack"

	// Rolling: old pods are being replaced by new ones.
	Rolling Phase = "Rolling"

	// RollingBack: the rollout was cancelled, and the old pods come back.
	RollingBack Phase = "RollingBack"

	// Promoting: all pods are new, and the ReplicationController takes them over.
	Promoting Phase = "Promoting"

	// Paused: the user wants no step.
	Paused Phase = "Paused"

	// PausedAtStep: the rollout is at a step that is a pause.
	PausedAtStep Phase = "PausedAtStep"

	// Failed: the rollout does not go on by itself.
	Failed Phase = "Failed"

	// Deleting: the ReplicationController is being deleted.
	Deleting Phase = "Deleting"
)

// Pending reports whether a rollout has yet to end.
func (p Phase) Pending() bool {
	switch p {
	case Rolling, RollingBack, Promoting, Paused, PausedAtStep, Failed:
		return true
	}
	return false
}

// Rollout is what there is to say about a ReplicationController.
type Rollout struct {
	Namespace string
	Phase     Phase

	// Reason and Message are those of the condition that tells of the rollout; empty if
	// there is none, or if it is of an earlier one.
	Reason, Message string

	// RC is the user's ReplicationController, New the one with the requested template
	// (nil if there is none), Old are the owned ones that are no longer requested.
	RC  rollout.Member
	New *rollout.Member
	Old []rollout.Member

	// NewName is the name of the new ReplicationController, whether it exists or not; empty
	// while no other template than the live one is requested.
	NewName string

	// RequestedHash is that of the requested template; empty if none is requested.
	RequestedHash string

	// Cancelled is set if the live template is requested.
	Cancelled bool

	// Desired is the number of pods in the end.
	Desired int32

	// Live is the spec that there is, Requested the one that was asked for; nil if none is.
	Live, Requested api.Spec

	// RequestedBy and RequestedAt say who asked for it, and when.
	RequestedBy string
	RequestedAt time.Time

	// Strategy is read from the settings; the defaults where they do not parse.
	Strategy api.Strategy

	// Step is the number of the step that the rollout is at, 0 if it has none; Pause is that
	// step if it is a pause.
	Step  int
	Pause *api.Step

	// FailureRollback is set while a rollout that failed is rolled back for it.
	FailureRollback bool
}

// Of reads the rollout of rc where no policies are known. others are ReplicationControllers
// of its namespace; those that it does not own do not matter.
func Of(rc *unstructured.Unstructured, others []*unstructured.Unstructured) Rollout {
	return Under(nil, rc, others)
}

// Under reads the rollout of rc under the policies that select it: they say what it does not.
func Under(policies policy.Effective, rc *unstructured.Unstructured, others []*unstructured.Unstructured) Rollout {
	annotations := rc.GetAnnotations()
	strategy, settingsErr := api.ParseStrategy(policies.Settings(annotations))
	strategy = policies.Bound(strategy)
	r := Rollout{
		Namespace:   rc.GetNamespace(),
		RC:          rollout.MemberOf(rc),
		Live:        api.SpecOf(rc),
		Desired:     api.SpecOf(rc).Replicas(),
		RequestedBy: annotations[api.RequestedByAnnotation],
		Strategy:    strategy,
	}
	r.RequestedAt, _ = time.Parse(time.RFC3339, annotations[api.RequestedAtAnnotation])
	text, requested := annotations[api.RequestAnnotation]
	request, requestErr := api.ParseSpec(text)
	if requested && requestErr == nil {
		r.Requested, r.Desired = request, request.Replicas()
		r.RequestedHash = request.Hash(hashKey)
		// The webhook marks such a request, and takes the mark away with it.
		r.Cancelled = annotations[api.PromotedAnnotation] != ""
	}
	r.members(rc, others)
	pending := requested || rc.GetLabels()[api.RollingLabel] == api.True && !api.IsOwned(rc)
	switch {
	case !pending:
		r.ended(rc)
	case requestErr != nil:
		r.Phase, r.Reason, r.Message = Failed, rollout.ReasonInvalidRequest, requestErr.Error()
	default:
		r.underway(rc, settingsErr)
	}
	if r.RC.Deleting {
		r.Phase = Deleting
	}
	return r
}

// hashKey is that of the default installation. Another one makes no difference here: a
// request has no label of rcroll's.
const hashKey = api.DefaultHashLabelKey

// members finds the owned ReplicationControllers. During a promotion the new one is that
// under promotion.
func (r *Rollout) members(rc *unstructured.Unstructured, others []*unstructured.Unstructured) {
	if hash := r.Live.Promoting(); hash != "" {
		r.NewName = api.NewRCName(rc.GetName(), hash)
	} else if r.Requested != nil && !r.Cancelled {
		r.NewName = api.NewRCName(rc.GetName(), r.RequestedHash)
	}
	for _, other := range others {
		owner := api.ControllerOf(other)
		if !api.IsOwned(other) || owner.UID != rc.GetUID() || other.GetNamespace() != rc.GetNamespace() {
			continue
		}
		member := rollout.MemberOf(other)
		if member.Name == r.NewName {
			r.New = &member
		} else {
			r.Old = append(r.Old, member)
		}
	}
	slices.SortFunc(r.Old, func(a, b rollout.Member) int { return strings.Compare(a.Name, b.Name) })
}

// underway is the phase while a request is pending. Its order is that of rollout.Decide.
func (r *Rollout) underway(rc *unstructured.Unstructured, settingsErr error) {
	stalled := r.heed(rc)
	noneLeft := r.New == nil && len(r.Old) == 0
	_, promotes := rc.GetAnnotations()[api.PromotingSinceAnnotation]
	switch {
	case r.Live.Promoting() != "" || r.Cancelled && noneLeft && promotes:
		r.Phase = Promoting
		r.failIf(stalled)
	case r.Cancelled && noneLeft:
		r.Phase = RollingBack
	case settingsErr != nil:
		r.Phase, r.Reason, r.Message = Failed, rollout.ReasonInvalidSettings, settingsErr.Error()
	case r.Strategy.Paused:
		r.Phase = Paused
	case r.Cancelled || r.FailureRollback:
		r.Phase = RollingBack
		r.failIf(stalled)
	default:
		r.Phase = Rolling
		r.step(rc)
		r.failIf(stalled)
	}
}

// heed reads what the conditions tell of this rollout, and returns Stalled if that is
// there.
func (r *Rollout) heed(rc *unstructured.Unstructured) *corev1.ReplicationControllerCondition {
	conditions, _ := rollout.ConditionsOf(rc)
	progressing := rollout.FindCondition(conditions, rollout.Progressing)
	if !r.tells(progressing) {
		return nil
	}
	r.Reason, r.Message = progressing.Reason, progressing.Message
	if reconciling := rollout.FindCondition(conditions, rollout.Reconciling); reconciling != nil {
		r.Reason = reconciling.Reason
	}
	stalled := rollout.FindCondition(conditions, rollout.Stalled)
	r.FailureRollback = stalled != nil && stalled.Reason == rollout.ReasonRollingBack
	return stalled
}

// failIf makes the rollout one that has failed, if the condition is there and does not
// tell that it is already rolled back for it.
func (r *Rollout) failIf(stalled *corev1.ReplicationControllerCondition) {
	if stalled != nil && stalled.Status == corev1.ConditionTrue && stalled.Reason != rollout.ReasonRollingBack {
		r.Phase, r.Reason, r.Message = Failed, stalled.Reason, stalled.Message
	}
}

// tells reports whether a condition can be of the present rollout: the agent writes it
// later than the request, and one of an earlier rollout may still be there while the
// agent is down. Times are of seconds, and no deadline is shorter. A later change of the
// request that is one of the replicas only leaves the condition as it is; the new
// ReplicationController tells then.
func (r *Rollout) tells(condition *corev1.ReplicationControllerCondition) bool {
	if condition == nil {
		return false
	}
	if condition.Status == corev1.ConditionTrue {
		return true // good news are not relied upon
	}
	at := condition.LastTransitionTime.Time
	return at.After(r.RequestedAt) || r.New != nil && at.After(r.New.Created)
}

// ended is the phase while no request is pending.
func (r *Rollout) ended(rc *unstructured.Unstructured) {
	conditions, _ := rollout.ConditionsOf(rc)
	progressing := rollout.FindCondition(conditions, rollout.Progressing)
	if progressing != nil {
		r.Reason, r.Message = progressing.Reason, progressing.Message
	}
	switch {
	case progressing != nil && progressing.Status == corev1.ConditionFalse && progressing.Reason == rollout.ReasonRolledBack:
		r.Phase = RolledBack
	case r.settled(rc):
		r.Phase = Complete
	default:
		r.Phase = Settling
	}
}

// settled reports whether kube-controller-manager has observed the spec, and counts as
// many pods as desired, all of them of the template, ready and available.
func (r *Rollout) settled(rc *unstructured.Unstructured) bool {
	status := func(field string) int64 {
		n, _, _ := unstructured.NestedInt64(rc.Object, "status", field)
		return n
	}
	desired := int64(r.Desired)
	return r.RC.StatusObserved && r.Live.Promoting() == "" && status("replicas") == desired && status("fullyLabeledReplicas") == desired &&
		status("readyReplicas") == desired && status("availableReplicas") == desired
}

// Name is that of the user's ReplicationController.
func (r *Rollout) Name() string { return r.RC.Name }

// Ref is the ReplicationController as an argument of kubectl.
func (r *Rollout) Ref() string { return "rc/" + r.RC.Name }

// Updated is the number of pods with the requested template that are available, of those
// that the new ReplicationController has or, when there is none, the RC.
func (r *Rollout) Updated() int32 {
	switch {
	case r.New != nil:
		return min(r.New.Available, r.Desired)
	case r.Phase == Rolling || r.Phase == Paused || r.Phase == PausedAtStep || r.Phase == Failed:
		return 0
	}
	return min(r.RC.Available, r.Desired)
}

// Bounds are those that the rollout keeps.
func (r *Rollout) Bounds() (minAvailable, maxPods int64) {
	maxSurge, maxUnavailable := r.Strategy.Resolve(r.Desired)
	return int64(r.Desired) - maxUnavailable, int64(r.Desired) + maxSurge
}

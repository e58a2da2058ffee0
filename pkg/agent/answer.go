package agent

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// maxQuestions bounds the questions of one pass. One asks for at most an inspection
// that is put off, and one that is not.
const maxQuestions = 3

// decide asks for a decision, and answers its questions from the API server: what
// they are about is in no cache.
func (r *reconciler) decide(ctx context.Context, o *observation) (rollout.Decision, error) {
	for range maxQuestions {
		decision := rollout.Decide(o.snapshot)
		if decision.Question == "" {
			return decision, nil
		}
		if err := r.answer(ctx, o, decision); err != nil {
			return rollout.Decision{}, err
		}
	}
	return rollout.Decision{}, fmt.Errorf("decide on ReplicationController %s: still undecided after %d questions", o.key, maxQuestions)
}

func (r *reconciler) answer(ctx context.Context, o *observation, decision rollout.Decision) error {
	switch decision.Question {
	case rollout.CountPods:
		return r.countPods(ctx, o)
	case rollout.CheckName:
		return r.checkName(ctx, o)
	case rollout.InspectPods:
		if !r.memories.inspections.TryAccept() {
			o.memory.inspection.postpone(o.snapshot.Now)
			o.snapshot.Inspection.Due = false
			return nil
		}
		return r.inspectPods(ctx, o, *decision.Awaits)
	case rollout.InspectPodsNow:
		return r.inspectPods(ctx, o, *decision.Awaits)
	}
	return fmt.Errorf("unknown question %q", decision.Question)
}

// inspectPods lists the pods of a member to learn why they are not available.
func (r *reconciler) inspectPods(ctx context.Context, o *observation, target rollout.Member) error {
	pods := &corev1.PodList{}
	// Any state that the API server has at hand will do.
	err := r.live.List(ctx, pods, client.InNamespace(o.key.Namespace),
		client.MatchingLabels(api.SpecOf(o.members[target.UID]).Selector()),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}})
	if err != nil {
		return fmt.Errorf("list the pods of ReplicationController %s/%s: %w", o.key.Namespace, target.Name, err)
	}
	o.memory.inspection.record(rollout.Inspect(target, pods.Items), r.memories.limits, o.snapshot.Now)
	o.snapshot.Inspection = o.memory.inspection.state(o.snapshot.Now)
	o.snapshot.Inspection.Fresh = true
	return nil
}

// checkName looks for somebody else's object with the name of the new
// ReplicationController. It need not have the label that the cache selects by.
func (r *reconciler) checkName(ctx context.Context, o *observation) error {
	holder, err := r.getLive(ctx, types.NamespacedName{Namespace: o.key.Namespace, Name: o.snapshot.NewRCName()})
	if err != nil {
		return err
	}
	if holder == nil {
		o.snapshot.Name = rollout.NameFree
		return nil
	}
	owner := api.ControllerOf(holder)
	isOurs := owner != nil && owner.UID == o.rc.GetUID()
	_, isSelected := holder.GetLabels()[api.RollingLabel]
	switch ofPredecessor := owner != nil && owner.Name == o.key.Name && !isOurs; {
	case isOurs && isSelected:
		return errCacheBehind
	case ofPredecessor || holder.GetDeletionTimestamp() != nil:
		o.snapshot.Name = rollout.NameTerminating
	default:
		o.snapshot.Name = rollout.NameConflict
	}
	return nil
}

// countPods counts the pods that the RC adopts by their labels when it is no
// longer sealed. The list comes from etcd, not from any cache: pods that were left
// out would be deleted as surplus. Of finished pods only those are of interest that were
// made for the RC and that nobody controls.
func (r *reconciler) countPods(ctx context.Context, o *observation) error {
	selector := api.SpecOf(o.rc).Selector()
	delete(selector, api.SealedLabel)
	pods := &corev1.PodList{}
	if err := r.live.List(ctx, pods, client.InNamespace(o.key.Namespace), client.MatchingLabels(selector)); err != nil {
		return fmt.Errorf("list the pods of ReplicationController %s: %w", o.key, err)
	}
	newRC, count := o.snapshot.NewRCName(), rollout.Pods{}
	for i := range pods.Items {
		pod := &pods.Items[i]
		owner := metav1.GetControllerOf(pod)
		switch {
		case !isActive(pod):
			if owner == nil && pod.DeletionTimestamp == nil && pod.Labels[api.SuccessorLabel] == string(o.rc.GetUID()) {
				count.Finished = append(count.Finished, rollout.FinishedPod{Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion})
			}
		case owner == nil:
			count.Orphans++
		case owner.UID == o.rc.GetUID():
			count.OfRC++
		case api.ControllerOf(pod) != nil && owner.Name == newRC:
			count.OfNewRC++
		}
	}
	o.snapshot.Pods = &count
	return nil
}

// isActive reports whether kube-controller-manager counts a pod, and adopts it.
func isActive(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

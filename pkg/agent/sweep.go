package agent

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// sweep deletes what is left of a rollout that is over. Every rollout ends without
// owned ReplicationControllers; but an agent that lost its lease in the middle of a
// pass, and did not know yet that the rollout was over, may have created one after
// all. Nothing else would ever look at it. What has pods was not created by such a one, and
// is left to its user.
func (r *reconciler) sweep(ctx context.Context, key types.NamespacedName) (reconcile.Result, error) {
	controlled, err := r.controlledBy(ctx, key)
	if err != nil {
		return reconcile.Result{}, err
	}
	for i := range controlled {
		left := &controlled[i]
		if left.GetDeletionTimestamp() != nil {
			continue
		}
		rc, err := r.ended(ctx, key, metav1.GetControllerOf(left).UID)
		if err != nil || rc == nil {
			return r.sweepAgain(), err
		}
		if member := rollout.MemberOf(left); member.Replicas > 0 || member.Pods > 0 {
			// The request was taken away where no webhook sees to it, and these pods serve.
			r.events.Event(rc, corev1.EventTypeWarning, rollout.ReasonWaiting, leftoverMessage(rc.GetName(), left.GetName()))
			continue
		}
		// A rollout that began meanwhile, and makes use of it, changes its version.
		err = r.deleteObserved(ctx, left, metav1.DeletePropagationBackground)
		if isOutdated(err) {
			return r.sweepAgain(), nil
		}
		if err != nil {
			return reconcile.Result{}, fmt.Errorf("delete ReplicationController %s/%s, left over: %w", key.Namespace, left.GetName(), err)
		}
	}
	return reconcile.Result{}, nil
}

// sweepAgain has no interval that grows: nothing is remembered of a rollout that is over.
func (r *reconciler) sweepAgain() reconcile.Result {
	return reconcile.Result{RequeueAfter: r.memories.limits.poll.Duration}
}

// ended returns the RC as the API server knows it, if it has no request. Where it does not
// know it, the garbage collector sees to the rest; where there is a request, the cache will
// show it.
func (r *reconciler) ended(ctx context.Context, key types.NamespacedName, uid types.UID) (*unstructured.Unstructured, error) {
	rc, err := r.getLive(ctx, key)
	if err != nil || rc == nil || rc.GetUID() != uid {
		return nil, err
	}
	if _, pending := rc.GetAnnotations()[api.RequestAnnotation]; pending {
		return nil, nil
	}
	return rc, nil
}

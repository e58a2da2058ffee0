package agent

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rcroll/rcroll/pkg/api"
)

// sweep deletes what is left of a rollout that is over. Every rollout ends without
// owned ReplicationControllers; but an agent that lost its lease in the middle of a
// pass, and did not know yet that the rollout was over, may have created one after
// all. Nothing else would ever look at it.
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
		over, err := r.isOver(ctx, key, metav1.GetControllerOf(left).UID)
		if err != nil || !over {
			return r.sweepAgain(), err
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

// isOver reports whether the API server knows the RC, without a request. Where it does
// not know it, the garbage collector sees to the rest; where there is a request, the
// cache will show it.
func (r *reconciler) isOver(ctx context.Context, key types.NamespacedName, uid types.UID) (bool, error) {
	rc, err := r.getLive(ctx, key)
	if err != nil || rc == nil {
		return false, err
	}
	_, pending := rc.GetAnnotations()[api.RequestAnnotation]
	return rc.GetUID() == uid && !pending, nil
}

package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/history"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// recordHistory records the start of a rollout right before the new ReplicationController is
// created, and its end right before the request is forgotten. So nobody has to remember
// anything: an agent that takes over repeats the same step, and finds what its predecessor
// recorded.
//
// A record that is refused, by a policy or a quota, does not hold the rollout up: pods that
// are replaced matter more than what is known of it later. One of which nobody knows
// whether it was stored is tried again, as every other write.
func (r *reconciler) recordHistory(ctx context.Context, o *observation, action rollout.Action) error {
	if r.historyLimit == nil {
		return nil
	}
	var decide func([]history.Revision) []history.Change
	now := historyOf(o, r.clock.Now())
	switch {
	case action.Kind == rollout.CreateNewRC:
		decide = func(revisions []history.Revision) []history.Change { return history.Begin(revisions, now) }
	case action.Kind == rollout.SendCommand && action.Command.Operation == api.Finish:
		decide = func(revisions []history.Revision) []history.Change {
			return history.End(revisions, now, *r.historyLimit)
		}
	default:
		return nil
	}
	err := r.writeHistory(ctx, o, decide)
	if apierrors.IsAlreadyExists(err) {
		// Another agent was faster, or somebody else has the name.
		err = r.writeHistory(ctx, o, decide)
	}
	isFinal := isRejected(err) && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && !apierrors.IsTooManyRequests(err)
	if err == nil || !isFinal {
		return err
	}
	ctrl.LoggerFrom(ctx).Error(err, "The history is incomplete")
	r.events.Event(o.rc, corev1.EventTypeWarning, rollout.ReasonHistoryIncomplete, historyIncompleteMessage(err))
	return nil
}

// historyOf is what there is to record.
func historyOf(o *observation, now time.Time) history.Rollout {
	annotations := o.rc.GetAnnotations()
	at, _ := requestedAt(o.rc)
	recorded := history.Rollout{
		Live: o.snapshot.Live, Requested: o.snapshot.Requested,
		RequestedBy: annotations[api.RequestedByAnnotation], RequestedAt: at, ChangeCause: annotations[api.ChangeCauseAnnotation],
		Overridden: annotations[api.OverriddenAnnotation], ApprovedBy: annotations[api.ApprovedByAnnotation],
		Now: now,
	}
	if progressing := rollout.FindCondition(o.snapshot.Conditions, rollout.Progressing); progressing != nil {
		recorded.IsFailed = progressing.Reason == rollout.ReasonDeadlineExceeded
		recorded.IsRolledBack = progressing.Reason == rollout.ReasonRolledBack
	}
	return recorded
}

// writeHistory reads the revisions from the API server: no cache holds them, because they
// are needed twice in a rollout.
func (r *reconciler) writeHistory(ctx context.Context, o *observation, decide func([]history.Revision) []history.Change) error {
	list := &appsv1.ControllerRevisionList{}
	if err := r.live.List(ctx, list, client.InNamespace(o.key.Namespace), client.MatchingLabels(history.Labels(o.rc.GetUID()))); err != nil {
		return fmt.Errorf("list the revisions of ReplicationController %s: %w", o.key, err)
	}
	objects := map[string]*appsv1.ControllerRevision{}
	var revisions []history.Revision
	for i := range list.Items {
		object := &list.Items[i]
		revision := history.Of(object)
		if !history.IsOf(object, o.rc.GetUID()) || object.DeletionTimestamp != nil || revision.Hash == "" || objects[revision.Hash] != nil {
			continue
		}
		objects[revision.Hash] = object
		revisions = append(revisions, revision)
	}
	for _, change := range decide(revisions) {
		if err := r.writeRevision(ctx, o, change, objects[change.Revision.Hash]); err != nil {
			return fmt.Errorf("%s revision %d of ReplicationController %s: %w", historyVerbs[change.Kind], change.Revision.Number, o.key, err)
		}
	}
	return nil
}

// writeRevision makes one change; stored is nil for a revision that is to be created.
func (r *reconciler) writeRevision(ctx context.Context, o *observation, change history.Change, stored *appsv1.ControllerRevision) error {
	switch change.Kind {
	case history.Create:
		spec := o.request
		if change.Revision.Hash != o.snapshot.Requested {
			spec = api.SpecOf(o.rc)
		}
		object, err := history.Object(o.rc, change.Revision, spec, r.hashKey)
		if err != nil {
			return err
		}
		return r.cached.Create(ctx, object)
	case history.Update:
		body, err := json.Marshal(history.Patch(stored, change.Revision))
		if err != nil {
			return fmt.Errorf("marshal the patch: %w", err)
		}
		return r.cached.Patch(ctx, stored, client.RawPatch(types.MergePatchType, body))
	case history.Delete:
		err := r.cached.Delete(ctx, stored, client.Preconditions{UID: ptr.To(stored.UID)})
		return client.IgnoreNotFound(err)
	}
	return fmt.Errorf("unknown change %q", change.Kind)
}

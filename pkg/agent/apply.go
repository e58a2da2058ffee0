package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// isOutdated reports whether what was observed is no more: the next pass sees why.
func isOutdated(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err)
}

// isRejected reports whether a write had no effect, as opposed to one of which nobody
// knows: no answer came, or that of a server in trouble.
func isRejected(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code >= http.StatusBadRequest && status.Status().Code < http.StatusInternalServerError &&
		!apierrors.IsTimeout(err)
}

// apply writes the actions in order and announces each one that succeeded.
func (r *reconciler) apply(ctx context.Context, o *observation, actions []rollout.Action) error {
	if err := r.probe(ctx, o); err != nil {
		return err
	}
	for _, action := range actions {
		if err := r.recordHistory(ctx, o, action); err != nil {
			return err
		}
		if err := r.write(ctx, o, action); err != nil {
			countFailure(action, err)
			if !isRejected(err) {
				o.memory.expectations.lose()
			}
			return fmt.Errorf("%s ReplicationController %s/%s: %w", verbs[action.Kind], o.key.Namespace, action.Name, err)
		}
		o.memory.applied(action, r.clock.Now())
		countAction(o, action, r.clock.Now())
		for _, event := range action.Events {
			r.events.Event(o.rc, event.Type, event.Reason, event.Message)
			ctrl.LoggerFrom(ctx).V(1).Info("Event", "type", event.Type, "reason", event.Reason, "message", event.Message)
		}
	}
	return nil
}

func (r *reconciler) write(ctx context.Context, o *observation, action rollout.Action) error {
	switch action.Kind {
	case rollout.CreateNewRC:
		newRC := api.SealedNewRC(o.rc, o.request.WithMinReadySeconds(o.minReady), r.hashKey)
		if err := r.cached.Create(ctx, newRC); err != nil {
			return err
		}
		o.memory.expectations.wrote(newRC, true)
		return nil
	case rollout.ScaleOwned:
		return r.patch(ctx, o, action.UID, o.scalePatch(action))
	case rollout.SendCommand:
		return r.send(ctx, o, action.Command)
	case rollout.DeleteOwned:
		return r.delete(ctx, o, action.UID, metav1.DeletePropagationBackground)
	case rollout.OrphanPods:
		return r.delete(ctx, o, action.UID, metav1.DeletePropagationOrphan)
	case rollout.AdoptPod:
		return r.adoptPod(ctx, o, *action.Pod)
	case rollout.SetConditions:
		return r.setConditions(ctx, o, action.Conditions)
	}
	return fmt.Errorf("unknown action %q", action.Kind)
}

// scalePatch sets the replicas of an owned ReplicationController. How long the pods of the new
// one must be ready, if that was changed, comes with it unless it shrinks.
func (o *observation) scalePatch(action rollout.Action) map[string]any {
	patch := api.ScaleOwnedPatch(action.Replicas)
	spec := api.SpecOf(o.members[action.UID])
	isTarget := action.Name == o.snapshot.NewRCName() && action.Replicas >= spec.Replicas()
	if isTarget && o.minReady != spec.MinReadySeconds() {
		patch["spec"].(map[string]any)["minReadySeconds"] = int64(o.minReady)
	}
	return patch
}

// probe finds out whether the webhook is back, if a command was stored once: that one
// is out of date, so it is replaced by one that changes nothing. Sealed, only the
// command that follows is allowed, which does as well.
func (r *reconciler) probe(ctx context.Context, o *observation) error {
	if o.rc.GetAnnotations()[api.CommandAnnotation] == "" || o.snapshot.Sealed != "" || o.request == nil {
		return nil
	}
	command := api.Command{Operation: api.Scale, Hash: o.snapshot.Requested, Replicas: o.snapshot.RC.Replicas}
	if err := r.send(ctx, o, command); err != nil {
		return fmt.Errorf("probe for the webhook with ReplicationController %s: %w", o.key, err)
	}
	return nil
}

// send hands a command to the webhook, and checks that it was carried out.
func (r *reconciler) send(ctx context.Context, o *observation, command api.Command) (err error) {
	defer func() { countCommand(command, err) }()
	err = r.patch(ctx, o, o.snapshot.RC.UID, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{api.CommandAnnotation: command.String()}},
	})
	if err != nil {
		return err
	}
	if _, stored := o.rc.GetAnnotations()[api.CommandAnnotation]; stored {
		return errWebhookMissing
	}
	return nil
}

// patch merges into a member under the resource version that was observed. The
// observation holds the object as it is then, so that a later write of the same
// pass builds on this one and on nothing else.
func (r *reconciler) patch(ctx context.Context, o *observation, uid types.UID, change map[string]any) error {
	member, body, err := o.prepare(uid, change)
	if err != nil {
		return err
	}
	if err := r.cached.Patch(ctx, member, client.RawPatch(types.MergePatchType, body)); err != nil {
		return err
	}
	o.memory.expectations.wrote(member, false)
	return nil
}

// setConditions merges by type (a strategic merge patch does), so that conditions
// of others stay as they are.
func (r *reconciler) setConditions(ctx context.Context, o *observation, change rollout.ConditionChange) error {
	member, body, err := o.prepare(o.snapshot.RC.UID, conditionsPatch(change))
	if err != nil {
		return err
	}
	if err := r.cached.Status().Patch(ctx, member, client.RawPatch(types.StrategicMergePatchType, body)); err != nil {
		return err
	}
	o.memory.expectations.wrote(member, false)
	return nil
}

// adoptPod makes the RC the controller of exactly the pod that was observed. If that is
// forbidden, by a policy on pods, the pod stays nobody's, and its user is told: the other
// pods wait to be adopted, and serve.
func (r *reconciler) adoptPod(ctx context.Context, o *observation, finished rollout.FinishedPod) error {
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":             finished.UID,
		"resourceVersion": finished.ResourceVersion,
		"ownerReferences": []metav1.OwnerReference{{
			APIVersion: api.GroupVersionKind.GroupVersion().String(), Kind: api.GroupVersionKind.Kind,
			Name: o.rc.GetName(), UID: o.rc.GetUID(), Controller: ptr.To(true),
		}},
	}})
	if err != nil {
		return fmt.Errorf("marshal the patch: %w", err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: o.key.Namespace, Name: finished.Name}}
	err = r.cached.Patch(ctx, pod, client.RawPatch(types.MergePatchType, body))
	if apierrors.IsForbidden(err) {
		r.events.Event(o.rc, corev1.EventTypeWarning, rollout.ReasonStepFailed, podNotAdoptedMessage(finished.Name, err))
		return nil
	}
	return err
}

// prepare returns the member and the patch, with its resource version in it.
func (o *observation) prepare(uid types.UID, change map[string]any) (*unstructured.Unstructured, []byte, error) {
	member := o.members[uid]
	metadata, ok := change["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		change["metadata"] = metadata
	}
	metadata["resourceVersion"] = member.GetResourceVersion()
	body, err := json.Marshal(change)
	if err != nil {
		return nil, nil, fmt.Errorf("marshal the patch: %w", err)
	}
	return member, body, nil
}

func (r *reconciler) delete(ctx context.Context, o *observation, uid types.UID, policy metav1.DeletionPropagation) error {
	member := o.members[uid]
	if err := r.deleteObserved(ctx, member, policy); err != nil {
		return err
	}
	o.memory.expectations.deleted(member.GetName(), uid)
	return nil
}

// deleteObserved deletes exactly what was observed.
func (r *reconciler) deleteObserved(ctx context.Context, rc *unstructured.Unstructured, policy metav1.DeletionPropagation) error {
	preconditions := client.Preconditions{UID: ptr.To(rc.GetUID()), ResourceVersion: ptr.To(rc.GetResourceVersion())}
	return r.cached.Delete(ctx, rc, preconditions, client.PropagationPolicy(policy))
}

func conditionsPatch(change rollout.ConditionChange) map[string]any {
	var conditions []any
	for _, condition := range change.Set {
		conditions = append(conditions, condition)
	}
	for _, kind := range change.Remove {
		conditions = append(conditions, map[string]any{"type": kind, "$patch": "delete"})
	}
	return map[string]any{"status": map[string]any{"conditions": conditions}}
}

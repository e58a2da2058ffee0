package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

var (
	// errNoRollout: there is no ReplicationController with a request.
	errNoRollout = errors.New("no rollout")

	// errCacheBehind: the cache does not show yet what the agent wrote.
	errCacheBehind = errors.New("the cache is behind")
)

// observation is a snapshot, and the objects that it was taken from.
type observation struct {
	key      types.NamespacedName
	rc       *unstructured.Unstructured
	members  map[types.UID]*unstructured.Unstructured
	request  api.Spec
	snapshot rollout.Snapshot
}

// observe reads what a decision is based on: the ReplicationControllers from the
// cache, and, only where the decision depends on them, the pods and the owner of
// the next name from the API server.
func (r *reconciler) observe(ctx context.Context, key types.NamespacedName) (*observation, error) {
	rc := emptyRC()
	if err := r.cached.Get(ctx, key, rc); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, errNoRollout
		}
		return nil, fmt.Errorf("get ReplicationController %s: %w", key, err)
	}
	request, pending := rc.GetAnnotations()[api.RequestAnnotation]
	if !pending {
		return nil, errNoRollout
	}
	next, err := r.controlledBy(ctx, key)
	if err != nil {
		return nil, err
	}
	o := newObservation(key, rc, next)
	if err := r.takeOver(ctx, o); err != nil {
		return nil, err
	}
	if err := r.checkCache(ctx, o); err != nil {
		return nil, err
	}
	if err := o.take(request, r.hashKey); err != nil {
		return nil, fmt.Errorf("read ReplicationController %s: %w", key, err)
	}
	o.snapshot.LastScaleUp = r.scaleUps.lastOf(key)
	o.snapshot.Now = r.clock.Now()
	return o, r.look(ctx, o)
}

// newObservation leaves out what a predecessor of the RC with the same name controls.
func newObservation(key types.NamespacedName, rc *unstructured.Unstructured, next []unstructured.Unstructured) *observation {
	o := &observation{key: key, rc: rc, members: map[types.UID]*unstructured.Unstructured{rc.GetUID(): rc}}
	for i := range next {
		if metav1.GetControllerOf(&next[i]).UID == rc.GetUID() {
			o.members[next[i].GetUID()] = &next[i]
		}
	}
	return o
}

// takeOver fails while the cache lacks what another process wrote of a rollout that it
// began, and this one goes on with. Nobody here remembers those writes, and resource
// versions protect the object that is written, not the sum over all of them. From its
// first own write on this process remembers by itself.
func (r *reconciler) takeOver(ctx context.Context, o *observation) error {
	if len(o.members) == 1 || r.expectations.began(o.key) {
		return nil
	}
	for _, uid := range slices.Sorted(maps.Keys(o.members)) {
		if err := r.checkCurrent(ctx, o.members[uid]); err != nil {
			return err
		}
	}
	return nil
}

// checkCache fails while the cache lacks a write of the agent. What was created and
// is unknown to the cache may have been deleted in between, of which no event need
// ever come; the API server knows.
func (r *reconciler) checkCache(ctx context.Context, o *observation) error {
	cached := make(map[string]client.Object, len(o.members))
	for _, member := range o.members {
		cached[member.GetName()] = member
	}
	behind, created := r.expectations.unseen(o.key, cached)
	for _, name := range created {
		key := types.NamespacedName{Namespace: o.key.Namespace, Name: name}
		stands, err := r.getLive(ctx, key)
		switch {
		case err != nil:
			return err
		case stands == nil:
			r.expectations.settle(o.key, name)
		default:
			behind = append(behind, name)
		}
	}
	if len(behind) > 0 {
		return errCacheBehind
	}
	return nil
}

// take reads the objects into the snapshot.
func (o *observation) take(request, hashKey string) error {
	annotations := o.rc.GetAnnotations()
	live := api.SpecOf(o.rc)
	strategy, strategyErr := api.ParseStrategy(annotations)
	parsed, requestErr := api.ParseSpec(request)
	s := rollout.Snapshot{
		RC:       memberOf(o.rc),
		Live:     live.Hash(hashKey),
		Sealed:   live.Selector()[api.SealedLabel],
		Strategy: strategy,
	}
	s.Adopting = live.TemplateLabels()[api.AdoptingLabel]
	switch {
	case requestErr != nil:
		s.Obstacle = &rollout.Obstacle{Reason: rollout.ReasonInvalidRequest, Message: fmt.Sprintf(
			"Annotation %s: %v: apply the manifest again", api.RequestAnnotation, requestErr)}
	default:
		o.request = parsed
		s.Desired = parsed.Replicas()
		s.Requested = parsed.Hash(hashKey)
	}
	if requestErr == nil && strategyErr != nil {
		s.Obstacle = &rollout.Obstacle{Reason: rollout.ReasonInvalidStrategy, Message: strategyErr.Error()}
	}
	for uid, member := range o.members {
		if uid != o.rc.GetUID() {
			s.Owned = append(s.Owned, memberOf(member))
		}
	}
	var err error
	s.Conditions, err = conditionsOf(o.rc)
	o.snapshot = s
	return err
}

// look asks the API server for what the cache does not hold.
func (r *reconciler) look(ctx context.Context, o *observation) error {
	if o.request == nil {
		return nil
	}
	if o.snapshot.NeedsPods() {
		return r.countPods(ctx, o)
	}
	if o.snapshot.NeedsNext() {
		return r.checkName(ctx, o)
	}
	vigil := r.vigils.of(o.key)
	o.snapshot.LastStep = vigil.lastStep
	if target := o.snapshot.Awaited(); target != nil {
		return r.inspect(ctx, o, *target, vigil)
	}
	vigil.end()
	return nil
}

// inspect looks at the pods that keep the rollout waiting, if it is time to.
func (r *reconciler) inspect(ctx context.Context, o *observation, target rollout.Member, vigil *vigil) error {
	s := &o.snapshot
	vigil.keep(target, s.Strategy.ProgressDeadline, s.Now)
	s.Look = vigil.look
	if s.Overdue(target) || vigil.isDue(s.Now, r.vigils.looks) {
		pods := &corev1.PodList{}
		// Any state that the API server has at hand will do.
		err := r.live.List(ctx, pods, client.InNamespace(o.key.Namespace),
			client.MatchingLabels(api.SpecOf(o.members[target.UID]).Selector()),
			&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}})
		if err != nil {
			return fmt.Errorf("list the pods of ReplicationController %s/%s: %w", o.key.Namespace, target.Name, err)
		}
		vigil.saw(rollout.Inspect(target, pods.Items), s.Now)
		s.Look = vigil.look
	}
	s.NextLook = vigil.next
	return nil
}

// checkName looks for somebody else's object with the name of the next
// ReplicationController. It need not have the label that the cache selects by.
func (r *reconciler) checkName(ctx context.Context, o *observation) error {
	key := types.NamespacedName{Namespace: o.key.Namespace, Name: o.snapshot.NewRCName()}
	holder, err := r.getLive(ctx, key)
	if err != nil || holder == nil {
		return err
	}
	owner := metav1.GetControllerOf(holder)
	if owner != nil && owner.UID == o.rc.GetUID() {
		return errCacheBehind
	}
	orphaned := owner != nil && isRC(owner) && owner.Name == o.key.Name
	o.snapshot.NameTaken = &rollout.NameTaken{Passing: orphaned || holder.GetDeletionTimestamp() != nil}
	return nil
}

// checkCurrent fails unless the API server has what the cache has.
func (r *reconciler) checkCurrent(ctx context.Context, cached *unstructured.Unstructured) error {
	current, err := r.getLive(ctx, client.ObjectKeyFromObject(cached))
	if err != nil {
		return err
	}
	if current == nil || current.GetResourceVersion() != cached.GetResourceVersion() {
		return errCacheBehind
	}
	return nil
}

// getLive reads a ReplicationController from the API server; nil if it does not stand.
func (r *reconciler) getLive(ctx context.Context, key types.NamespacedName) (*unstructured.Unstructured, error) {
	rc := emptyRC()
	if err := r.live.Get(ctx, key, rc); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("get ReplicationController %s: %w", key, err)
	}
	return rc, nil
}

// countPods counts the pods that the RC adopts by their labels when it is no
// longer sealed. The list comes from etcd, not from any cache: pods that were left
// out would be deleted as surplus.
func (r *reconciler) countPods(ctx context.Context, o *observation) error {
	selector := api.SpecOf(o.rc).Selector()
	delete(selector, api.SealedLabel)
	pods := &corev1.PodList{}
	if err := r.live.List(ctx, pods, client.InNamespace(o.key.Namespace), client.MatchingLabels(selector)); err != nil {
		return fmt.Errorf("list the pods of ReplicationController %s: %w", o.key, err)
	}
	next := o.snapshot.NewRCName()
	for i := range pods.Items {
		pod := &pods.Items[i]
		if !isActive(pod) {
			continue
		}
		owner := metav1.GetControllerOf(pod)
		switch {
		case owner == nil:
			o.snapshot.Pods.Orphans++
		case owner.UID == o.rc.GetUID():
			o.snapshot.Pods.OfRC++
		case isRC(owner) && owner.Name == next:
			o.snapshot.Pods.OfNewRC++
		}
	}
	return nil
}

// isActive tells which pods a ReplicationController manager counts and adopts.
func isActive(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

func memberOf(rc *unstructured.Unstructured) rollout.Member {
	status := func(field string) int64 {
		n, _, _ := unstructured.NestedInt64(rc.Object, "status", field)
		return n
	}
	conditions, _ := conditionsOf(rc)
	failing, failure := false, ""
	for _, condition := range conditions {
		if condition.Type == corev1.ReplicationControllerReplicaFailure && condition.Status == corev1.ConditionTrue {
			failing = true
			if condition.Reason == rollout.ReasonFailedCreate {
				failure = condition.Message
			}
		}
	}
	minReady, _, _ := unstructured.NestedInt64(rc.Object, "spec", "minReadySeconds")
	return rollout.Member{
		Name:      rc.GetName(),
		UID:       rc.GetUID(),
		Created:   rc.GetCreationTimestamp().Time,
		MinReady:  time.Duration(minReady) * time.Second,
		Replicas:  api.SpecOf(rc).Replicas(),
		Current:   status("observedGeneration") >= rc.GetGeneration(),
		Pods:      int32(status("replicas")),
		Available: int32(status("availableReplicas")),
		Failing:   failing,
		Failure:   failure,
		Deleting:  rc.GetDeletionTimestamp() != nil,
	}
}

func conditionsOf(rc *unstructured.Unstructured) ([]corev1.ReplicationControllerCondition, error) {
	status, _, err := unstructured.NestedMap(rc.Object, "status")
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	var typed corev1.ReplicationControllerStatus
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(status, &typed); err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	return typed.Conditions, nil
}

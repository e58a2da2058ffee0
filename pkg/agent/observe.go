package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
)

var (
	// errNoRollout: there is no ReplicationController with a request.
	errNoRollout = errors.New("no rollout")

	// errCacheBehind: the cache does not show yet what the agent wrote.
	errCacheBehind = errors.New("the cache is behind")
)

// observe reads what a decision is based on from the cache, once that shows all that
// is known to have been written.
func (r *reconciler) observe(ctx context.Context, key types.NamespacedName) (*observation, error) {
	rc := api.EmptyRC()
	if err := r.cached.Get(ctx, key, rc); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, errNoRollout
		}
		return nil, fmt.Errorf("get ReplicationController %s: %w", key, err)
	}
	if _, pending := rc.GetAnnotations()[api.RequestAnnotation]; !pending {
		return nil, errNoRollout
	}
	owned, err := r.controlledBy(ctx, key)
	if err != nil {
		return nil, err
	}
	o := newObservation(key, rc, owned)
	o.memory = r.memories.of(key)
	if err := r.takeOver(ctx, o); err != nil {
		return nil, err
	}
	if err := r.checkCache(ctx, o); err != nil {
		return nil, err
	}
	effective, err := r.policiesFor(ctx, rc)
	if err != nil {
		return nil, err
	}
	if err := o.toSnapshot(r.hashKey, effective); err != nil {
		return nil, fmt.Errorf("read ReplicationController %s: %w", key, err)
	}
	o.snapshot.Now = r.clock.Now()
	if err := r.applyPolicies(ctx, o, effective); err != nil {
		return nil, err
	}
	if err := r.changePlaces(ctx, o, effective); err != nil {
		return nil, err
	}
	o.snapshot.Inspection = o.memory.inspection.state(o.snapshot.Now)
	return o, nil
}

// newObservation leaves out what a predecessor of the RC with the same name controls.
func newObservation(key types.NamespacedName, rc *unstructured.Unstructured, owned []unstructured.Unstructured) *observation {
	o := &observation{key: key, rc: rc, members: map[types.UID]*unstructured.Unstructured{rc.GetUID(): rc}}
	for i := range owned {
		if metav1.GetControllerOf(&owned[i]).UID == rc.GetUID() {
			o.members[owned[i].GetUID()] = &owned[i]
		}
	}
	return o
}

// takeOver fails while the cache lacks what another process wrote of a rollout that it
// began, and this one goes on with, or a write of its own of which it heard no more.
// Nobody here remembers those writes, and resource versions protect the object that is
// written, not the sum over all of them. From its next own write on this process
// remembers by itself.
func (r *reconciler) takeOver(ctx context.Context, o *observation) error {
	if len(o.members) == 1 || o.memory.expectations.hasWritten() {
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
	behind, created := o.memory.expectations.unseen(cached)
	for _, name := range created {
		key := types.NamespacedName{Namespace: o.key.Namespace, Name: name}
		stands, err := r.getLive(ctx, key)
		switch {
		case err != nil:
			return err
		case stands == nil:
			o.memory.expectations.settle(name)
		default:
			behind = append(behind, name)
		}
	}
	if len(behind) > 0 {
		return errCacheBehind
	}
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
	rc := api.EmptyRC()
	if err := r.live.Get(ctx, key, rc); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("get ReplicationController %s: %w", key, err)
	}
	return rc, nil
}

package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// Policies are those that select a ReplicationController. Package policies has the real ones.
type Policies interface {
	For(ctx context.Context, rc metav1.Object) (policy.Effective, error)
}

// Reconciler is the reconciler, and what wakes it beside the events of ReplicationControllers.
type Reconciler interface {
	reconcile.Reconciler

	// WakeBy names the queue of those that are to be looked at.
	WakeBy(queue workqueue.TypedInterface[reconcile.Request])

	// WakeAll looks at all rollouts that are requested: the policies have changed.
	WakeAll(ctx context.Context)
}

// queue is what the agent knows of rollouts that policies allow a number of at once.
type queue struct {
	mu sync.Mutex

	// admitted have been given a place, of which the cache may not tell yet.
	admitted map[types.NamespacedName]place

	// full are the holds of those whose turn it was not when turns were decided last. Whatever
	// leaves a place, or changes a policy, has that done anew: where many wait, each of them
	// need not.
	full map[types.NamespacedName]*policy.Hold

	// wake has rollouts looked at; nil until the controller runs.
	wake workqueue.TypedInterface[reconcile.Request]
}

// place is that of one request: who asks for another template asks for another turn.
type place struct {
	uid         types.UID
	requestedAt string
}

func placeOf(rc *unstructured.Unstructured) place {
	return place{rc.GetUID(), rc.GetAnnotations()[api.RequestedAtAnnotation]}
}

func (r *reconciler) policiesFor(ctx context.Context, rc *unstructured.Unstructured) (policy.Effective, error) {
	if r.policies == nil {
		return nil, nil
	}
	effective, err := r.policies.For(ctx, rc)
	if err != nil {
		return nil, fmt.Errorf("find the policies of ReplicationController %s: %w", client.ObjectKeyFromObject(rc), err)
	}
	return effective, nil
}

// applyPolicies finds out whether policies hold a rollout. Nothing holds a rescue.
func (r *reconciler) applyPolicies(ctx context.Context, o *observation, effective policy.Effective) error {
	s := &o.snapshot
	if len(effective) == 0 || s.Rescue() || s.RC.Deleting {
		return nil
	}
	overridden := api.OverriddenPolicies(o.rc.GetAnnotations(), s.Now)
	if s.Hold = effective.Hold(s.Now, s.Begun(), overridden); s.Hold != nil {
		return nil
	}
	queues := effective.Queues(overridden)
	if s.Begun() || s.BlockedBy != nil || s.Strategy.Paused || len(queues) == 0 {
		return nil
	}
	var err error
	s.Hold, err = r.awaitTurn(ctx, o, queues)
	return err
}

// awaitTurn gives a rollout a place in the queues of its policies; the hold says which has
// none. Turns are decided one after the other, and by what all rollouts are in the cache.
func (r *reconciler) awaitTurn(ctx context.Context, o *observation, queues map[string]int) (*policy.Hold, error) {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	if r.queue.admitted[o.key] == placeOf(o.rc) {
		return nil, nil
	}
	if hold := r.queue.full[o.key]; hold != nil && queues[hold.Policy] > 0 {
		return hold, nil
	}
	waiting, err := r.waiting(ctx, o.snapshot.Now, o.key)
	if err != nil {
		return nil, err
	}
	turns, full := policy.Turns(waiting)
	r.queue.full = full
	if turns[o.key] {
		r.queue.admitted[o.key] = placeOf(o.rc)
		return nil, nil
	}
	return full[o.key], nil
}

// waiting are all requested rollouts. One that stalls before it has begun is not waited for,
// except by itself.
func (r *reconciler) waiting(ctx context.Context, now time.Time, own types.NamespacedName) ([]policy.Waiting, error) {
	list := emptyRCList()
	if err := r.cached.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	begun := ownersIn(list)
	var waiting []policy.Waiting
	admitted := map[types.NamespacedName]place{}
	for i := range list.Items {
		rc := &list.Items[i]
		if _, requested := rc.GetAnnotations()[api.RequestAnnotation]; !requested || rc.GetDeletionTimestamp() != nil {
			continue
		}
		effective, err := r.policies.For(ctx, rc)
		if err != nil {
			return nil, err
		}
		key := client.ObjectKeyFromObject(rc)
		w := waitingOf(rc, effective, now)
		w.Ready = w.Ready && (key == own || !isStalled(rc))
		w.Begun = hasBegun(rc, begun)
		if r.queue.admitted[key] == placeOf(rc) && (w.Begun || w.Ready) {
			w.Begun = true
			admitted[key] = placeOf(rc)
		}
		waiting = append(waiting, w)
	}
	r.queue.admitted = admitted
	return waiting, nil
}

// ownersIn are those that have a ReplicationController of a rollout.
func ownersIn(list *unstructured.UnstructuredList) map[types.UID]bool {
	owners := map[types.UID]bool{}
	for i := range list.Items {
		if api.IsOwned(&list.Items[i]) {
			owners[metav1.GetControllerOf(&list.Items[i]).UID] = true
		}
	}
	return owners
}

// hasBegun reports whether the rollout of a requested ReplicationController is in progress.
func hasBegun(rc *unstructured.Unstructured, owners map[types.UID]bool) bool {
	return owners[rc.GetUID()] || api.SpecOf(rc).Promoting() != ""
}

func waitingOf(rc *unstructured.Unstructured, effective policy.Effective, now time.Time) policy.Waiting {
	annotations := rc.GetAnnotations()
	overridden := api.OverriddenPolicies(annotations, now)
	strategy, err := api.ParseStrategy(effective.Settings(annotations))
	at, _ := requestedAt(rc)
	return policy.Waiting{
		Key:         client.ObjectKeyFromObject(rc),
		RequestedAt: at,
		Ready:       err == nil && !strategy.Paused && effective.Hold(now, false, overridden) == nil,
		Queues:      effective.Queues(overridden),
	}
}

func isStalled(rc *unstructured.Unstructured) bool {
	conditions, _ := rollout.ConditionsOf(rc)
	stalled := rollout.FindCondition(conditions, rollout.Stalled)
	return stalled != nil && stalled.Status == corev1.ConditionTrue
}

// wakeNext looks at those whose turn it is after a place was left, and at no others: many
// may wait.
func (r *reconciler) wakeNext(ctx context.Context) error {
	if r.policies == nil {
		return nil
	}
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	if r.queue.wake == nil || len(r.queue.full) == 0 {
		return nil // Nobody waits.
	}
	waiting, err := r.waiting(ctx, r.clock.Now(), types.NamespacedName{})
	if err != nil {
		return err
	}
	turns, full := policy.Turns(waiting)
	r.queue.full = full
	for i := range waiting {
		if len(waiting[i].Queues) > 0 && turns[waiting[i].Key] {
			r.queue.wake.Add(reconcile.Request{NamespacedName: waiting[i].Key})
		}
	}
	return nil
}

// leaveQueue lets others go before a rollout that something else than its turn keeps from
// beginning: its user, its settings, another policy, or what it stalls for.
func (r *reconciler) leaveQueue(ctx context.Context, o *observation, decision rollout.Decision) error {
	hold := o.snapshot.Hold
	waitsForMore := decision.Phase == rollout.Paused || decision.Phase == rollout.Blocked ||
		hold != nil && hold.Kind != policy.Queued || isStalled(o.rc)
	if o.snapshot.Begun() || !waitsForMore || !r.queue.has(o.key) {
		return nil
	}
	return r.wakeNext(ctx)
}

// changePlaces lets others go when a rollout leaves queues otherwise than by its end: its labels
// have changed, a policy is overridden, or it is being deleted and waits for a finalizer.
func (r *reconciler) changePlaces(ctx context.Context, o *observation, effective policy.Effective) error {
	queues := effective.Queues(api.OverriddenPolicies(o.rc.GetAnnotations(), o.snapshot.Now))
	if o.snapshot.RC.Deleting {
		queues = nil
	}
	places := strings.Join(slices.Sorted(maps.Keys(queues)), ",")
	before := o.memory.places
	if o.memory.places = places; before == places || before == "" {
		return nil
	}
	return r.wakeNext(ctx)
}

// has reports whether a rollout has a place, or waits for one.
func (q *queue) has(key types.NamespacedName) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.admitted[key] != (place{}) || q.full[key] != nil
}

// leave takes the place of a rollout that is over. Whoever takes places anew does not have
// to be asked for it: there may be nobody who waits.
func (q *queue) leave(key types.NamespacedName) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.admitted, key)
}

// wakeBy is a source of the controller.
func (r *reconciler) wakeBy(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	r.WakeBy(queue)
	return nil
}

func (r *reconciler) WakeBy(queue workqueue.TypedInterface[reconcile.Request]) {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	r.queue.wake = queue
}

func (r *reconciler) WakeAll(ctx context.Context) {
	r.queue.mu.Lock()
	wake := r.queue.wake
	r.queue.full = nil
	r.queue.mu.Unlock()
	list := emptyRCList()
	if wake == nil || r.cached.List(ctx, list, client.UnsafeDisableDeepCopy) != nil {
		return // All are looked at when the controller starts.
	}
	for i := range list.Items {
		if _, requested := list.Items[i].GetAnnotations()[api.RequestAnnotation]; requested {
			wake.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
}

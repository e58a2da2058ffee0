package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

const (
	// controllerIndex finds ReplicationControllers by the name of their controller,
	// which need not be the object that has the name now.
	controllerIndex = "controllerName"

	// passTimeout bounds one pass. It writes a few objects, one after the other,
	// each through admission webhooks of up to 10 s by default.
	passTimeout = time.Minute

	// Errors are retried at these intervals: the last is how long a rollout may
	// stand still after an outage of the webhook is over.
	retryMin = 10 * time.Millisecond
	retryMax = 30 * time.Second
)

// clients are the ways to the API server.
type clients struct {
	// cached writes, and reads ReplicationControllers from the informer.
	cached client.Client

	// live reads from the API server itself.
	live client.Reader

	events record.EventRecorder
}

// reconciler takes rollouts forward, one pass of one rollout at a time.
type reconciler struct {
	clients
	policies Policies // nil if there are none
	hashKey  string
	clock    clock.PassiveClock
	memories *memories
	queue    queue

	// historyLimit is the number of revisions that are kept beside the live one; nil if
	// nothing is recorded.
	historyLimit *int
}

func newReconciler(clients clients, policies Policies, hashKey string, clock clock.PassiveClock, limits limits) *reconciler {
	return &reconciler{clients: clients, policies: policies, hashKey: hashKey, clock: clock, memories: newMemories(clock, limits)}
}

// NewReconciler is what Run registers with a manager, for those who call it
// themselves: cached reads ReplicationControllers from a cache, with the index
// "controllerName", and writes; live reads from the API server; policies may be nil. It must not be
// called for one rollout twice at a time. The same calls have the same answers, so
// its delays have no jitter. It records no history, of which nothing else depends: to its
// callers that is the time that passes before a write.
func NewReconciler(cached client.Client, live client.Reader, events record.EventRecorder, policies Policies, hashLabelKey string, clock clock.PassiveClock) Reconciler {
	limits := defaultLimits()
	limits.poll.Jitter = 0
	return newReconciler(clients{cached: cached, live: live, events: events}, policies, hashLabelKey, clock, limits)
}

// register makes the manager run the reconciler, for the RC of every rollout of
// which anything changes.
func (r *reconciler) register(ctx context.Context, manager ctrl.Manager, concurrency int) error {
	if err := manager.GetFieldIndexer().IndexField(ctx, api.EmptyRC(), controllerIndex, nameOfController); err != nil {
		return fmt.Errorf("index ReplicationControllers by controller: %w", err)
	}
	err := ctrl.NewControllerManagedBy(manager).
		Named("rollout").
		Watches(api.EmptyRC(), handler.EnqueueRequestsFromMapFunc(rolloutOf)).
		WatchesRawSource(source.Func(r.wakeBy)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: concurrency,
			ReconciliationTimeout:   passTimeout,
			RecoverPanic:            ptr.To(true),
			RateLimiter:             newBackoff[reconcile.Request](retryMin, retryMax),
		}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	return nil
}

// Reconcile observes a rollout, decides what is due and writes it.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	key := request.NamespacedName
	observed, err := r.observe(ctx, key)
	switch {
	case errors.Is(err, errNoRollout):
		r.memories.forget(key)
		r.queue.leave(key)
		if err := r.wakeNext(ctx); err != nil {
			return reconcile.Result{}, err
		}
		return r.sweep(ctx, key)
	case errors.Is(err, errCacheBehind):
		return r.poll(key), nil
	case err != nil:
		return reconcile.Result{}, err
	}
	r.tellRights(observed)
	decision, err := r.decide(ctx, observed)
	switch {
	case errors.Is(err, errCacheBehind):
		return r.poll(key), nil
	case err != nil:
		return reconcile.Result{}, err
	}
	logDecision(ctx, observed, decision)
	if err := r.leaveQueue(ctx, observed, decision); err != nil {
		return reconcile.Result{}, err
	}
	observed.memory.decided(decision, observed.snapshot.Now)
	err = r.apply(ctx, observed, decision.Actions)
	observed.memory.passed(err, observed.snapshot.Now)
	switch {
	case isOutdated(err):
		return r.poll(key), nil
	case err != nil:
		// The user waits for it, and does not see the agent's log.
		r.events.Event(observed.rc, corev1.EventTypeWarning, rollout.ReasonStepFailed, err.Error())
		return reconcile.Result{}, err
	}
	return r.schedule(observed, decision), nil
}

// logDecision logs what does something at the default level, and what waits at debug.
func logDecision(ctx context.Context, o *observation, decision rollout.Decision) {
	log := ctrl.LoggerFrom(ctx)
	if len(decision.Actions) == 0 {
		log = log.V(1)
	}
	kinds := make([]string, 0, len(decision.Actions))
	for _, action := range decision.Actions {
		kinds = append(kinds, string(action.Kind))
	}
	log.Info("Decided", "phase", decision.Phase, "hash", o.snapshot.Requested, "reason", decision.Reason, "actions", kinds)
}

// schedule is when the next pass is due if no event comes before.
func (r *reconciler) schedule(o *observation, decision rollout.Decision) reconcile.Result {
	if decision.Awaits == nil {
		o.memory.inspection = inspection{}
	}
	if decision.Poll {
		return r.poll(o.key)
	}
	o.memory.poll = r.memories.limits.poll
	after := decision.RequeueAfter
	if decision.Awaits != nil {
		next := o.memory.inspection.await(*decision.Awaits, o.snapshot.Strategy.ProgressDeadline, r.memories.limits, o.snapshot.Now)
		// 0 would mean never.
		untilInspection := max(time.Nanosecond, next.Sub(o.snapshot.Now))
		if after == 0 || untilInspection < after {
			after = untilInspection
		}
	}
	return reconcile.Result{RequeueAfter: after}
}

// poll looks again after a while that grows. An event comes first, mostly.
func (r *reconciler) poll(key types.NamespacedName) reconcile.Result {
	return reconcile.Result{RequeueAfter: r.memories.of(key).poll.Step()}
}

// rolloutOf maps an object to the RC of its rollout: to its controller, if that is
// a ReplicationController, or else to itself.
func rolloutOf(_ context.Context, object client.Object) []reconcile.Request {
	key := client.ObjectKeyFromObject(object)
	if owner := api.ControllerOf(object); owner != nil {
		key.Name = owner.Name
	}
	return []reconcile.Request{{NamespacedName: key}}
}

func nameOfController(object client.Object) []string {
	if owner := api.ControllerOf(object); owner != nil {
		return []string{owner.Name}
	}
	return nil
}

// controlledBy lists the ReplicationControllers in the cache whose controller is one
// of a name.
func (r *reconciler) controlledBy(ctx context.Context, key types.NamespacedName) ([]unstructured.Unstructured, error) {
	list := emptyRCList()
	if err := r.cached.List(ctx, list, client.InNamespace(key.Namespace), client.MatchingFields{controllerIndex: key.Name}); err != nil {
		return nil, fmt.Errorf("list the ReplicationControllers owned by %s: %w", key, err)
	}
	return list.Items, nil
}

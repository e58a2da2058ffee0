package agent

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// NewReconciler is what Run registers with a manager, for those who call it
// themselves: cached reads ReplicationControllers from a cache, with the index
// "controllerName", and writes; live reads from the API server. It must not be
// called for one rollout twice at a time. The same calls have the same answers, so
// its delays have no jitter.
func NewReconciler(cached client.Client, live client.Reader, events record.EventRecorder, hashLabelKey string, clock clock.PassiveClock) reconcile.Reconciler {
	r := newReconciler(clients{cached: cached, live: live, events: events}, hashLabelKey)
	r.clock = clock
	r.scaleUps = newScaleUps(clock.Now())
	r.vigils = newVigils(clock)
	r.polls = workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](pollFirst, pollLast)
	return r
}

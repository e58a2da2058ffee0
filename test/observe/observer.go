package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
)

// Target is what is observed.
type Target struct {
	Namespace string

	// Name of the ReplicationController.
	Name string

	// Selector selects its pods before, while and after they are replaced.
	Selector string

	// OnMoment is called with every moment, in order, and may not call the
	// Observer; it may be nil.
	OnMoment func(Moment)
}

// Observer watches a ReplicationController, its pods and its events until the
// context that it was started with ends.
type Observer struct {
	target Target

	mu      sync.Mutex
	fold    *fold
	result  Result
	waiters []*waiter
}

// waiter is somebody who waits for a moment.
type waiter struct {
	holds func(Moment) bool
	found chan Moment
}

// Start returns once the present state is known.
func Start(ctx context.Context, client kubernetes.Interface, target Target) (*Observer, error) {
	o := &Observer{target: target, fold: newFold(target.Name)}
	o.result.Moments = []Moment{o.fold.moment(time.Now(), "start")}
	core := client.CoreV1()
	onRC := fields.Set{"involvedObject.kind": "ReplicationController", "involvedObject.name": target.Name}
	err := errors.Join(
		follow(ctx, core.ReplicationControllers(target.Namespace), metav1.ListOptions{}, o.see, o.fail),
		follow(ctx, core.Pods(target.Namespace), metav1.ListOptions{LabelSelector: target.Selector}, o.see, o.fail),
		follow(ctx, core.Events(target.Namespace), metav1.ListOptions{FieldSelector: onRC.String()}, o.see, o.fail),
	)
	if err != nil {
		return nil, fmt.Errorf("observing rc %s/%s: %w", target.Namespace, target.Name, err)
	}
	return o, nil
}

// Begin starts a measurement: what was before no longer counts.
func (o *Observer) Begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fold.events = nil
	o.result.Moments = []Moment{o.fold.moment(time.Now(), "measurement begins")}
}

// Result is what was seen since the measurement began.
func (o *Observer) Result() Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	return Result{Moments: slices.Clone(o.result.Moments), Err: o.result.Err}
}

// Now is the present state.
func (o *Observer) Now() Moment { return o.Result().Last() }

// Await returns the first moment from now on of which holds is true. It is called
// for every single one, so that none is too short to be noticed.
func (o *Observer) Await(ctx context.Context, what string, holds func(Moment) bool) (Moment, error) {
	w := &waiter{holds: holds, found: make(chan Moment, 1)}
	o.mu.Lock()
	o.waiters = append(o.waiters, w)
	o.wake(o.result.Last())
	o.mu.Unlock()
	select {
	case moment := <-w.found:
		return moment, nil
	case <-ctx.Done():
		return Moment{}, fmt.Errorf("waiting until %s: %w; it is %s", what, ctx.Err(), o.Now())
	}
}

func (o *Observer) see(kind watch.EventType, object runtime.Object) {
	o.mu.Lock()
	defer o.mu.Unlock()
	moment := o.fold.apply(time.Now(), kind, object)
	o.result.Moments = append(o.result.Moments, moment)
	o.wake(moment)
	if o.target.OnMoment != nil {
		o.target.OnMoment(moment)
	}
}

func (o *Observer) wake(moment Moment) {
	o.waiters = slices.DeleteFunc(o.waiters, func(w *waiter) bool {
		holds := w.holds(moment)
		if holds {
			w.found <- moment
		}
		return holds
	})
}

// fail records that from now on something may be missed.
func (o *Observer) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.result.Err = errors.Join(o.result.Err, err)
}

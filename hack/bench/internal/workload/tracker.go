package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Tracker watches a fleet and records when each application is done.
type Tracker struct {
	fleet Fleet

	mu           sync.Mutex
	applications map[string]*application
	image        string
	open         int
	allDone      chan struct{}
}

// Times are measured from the call of Expect, in the order of the applications.
type Times struct {
	// Updated is when all pods of an application were new and available and no old
	// one was left, Done when its objects said so too and, for a
	// ReplicationController, owned them.
	Updated, Done []time.Duration
}

// Track starts a Tracker, which watches until the context ends.
func Track(ctx context.Context, client kubernetes.Interface, fleet Fleet) (*Tracker, error) {
	t := newTracker(fleet)
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0,
		informers.WithNamespace(fleet.Namespace), informers.WithTransform(withoutManagedFields))
	watched := []cache.SharedIndexInformer{factory.Core().V1().Pods().Informer()}
	if fleet.Kind == RC {
		watched = append(watched, factory.Core().V1().ReplicationControllers().Informer())
	} else {
		watched = append(watched, factory.Apps().V1().Deployments().Informer())
	}
	for _, informer := range watched {
		if _, err := informer.AddEventHandler(t.handler()); err != nil {
			return nil, fmt.Errorf("watch %s: %w", fleet.Namespace, err)
		}
	}
	factory.StartWithContext(ctx)
	if result := factory.WaitForCacheSyncWithContext(ctx); result.Err != nil {
		return nil, fmt.Errorf("watch %s: %w", fleet.Namespace, result.Err)
	}
	return t, nil
}

func newTracker(fleet Fleet) *Tracker {
	t := &Tracker{fleet: fleet, applications: map[string]*application{}}
	for i := range fleet.Size {
		t.applications[fleet.Name(i)] = &application{pods: map[types.UID]pod{}}
	}
	return t
}

func withoutManagedFields(object any) (any, error) {
	if accessor, err := meta.Accessor(object); err == nil {
		accessor.SetManagedFields(nil)
	}
	return object, nil
}

func (t *Tracker) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { t.see(object, false, time.Now()) },
		UpdateFunc: func(_, object any) { t.see(object, false, time.Now()) },
		DeleteFunc: func(object any) {
			if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			t.see(object, true, time.Now())
		},
	}
}

// see records what a watch shows.
func (t *Tracker) see(object any, deleted bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var app *application
	switch object := object.(type) {
	case *corev1.Pod:
		if app = t.applications[object.Labels[appLabel]]; app == nil {
			return
		}
		if deleted {
			delete(app.pods, object.UID)
		} else {
			app.pods[object.UID] = podOf(object)
		}
	case *corev1.ReplicationController:
		// New ReplicationControllers have other names.
		if app = t.applications[object.Name]; app == nil {
			return
		}
		app.controller = ofRC(object)
	case *appsv1.Deployment:
		if app = t.applications[object.Name]; app == nil {
			return
		}
		app.controller = ofDeployment(object)
	}
	t.judge(app, now)
}

func (t *Tracker) judge(app *application, now time.Time) {
	if t.image == "" || !app.doneAt.IsZero() {
		return
	}
	if app.updatedAt.IsZero() && app.updated(t.image, t.fleet.Replicas) {
		app.updatedAt = now
	}
	if app.done(t.image, t.fleet.Replicas) {
		app.doneAt = now
		if t.open--; t.open == 0 {
			close(t.allDone)
		}
	}
}

// Expect starts to wait for an image. It has to be called before the edit.
func (t *Tracker) Expect(image string) (wait func(context.Context) (Times, error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	begin := time.Now()
	t.image, t.open, t.allDone = image, len(t.applications), make(chan struct{})
	for _, app := range t.applications {
		app.updatedAt, app.doneAt = time.Time{}, time.Time{}
		t.judge(app, begin)
	}
	allDone := t.allDone
	return func(ctx context.Context) (Times, error) {
		select {
		case <-allDone:
			return t.times(begin), nil
		case <-ctx.Done():
			return Times{}, errors.Join(t.unfinished(), ctx.Err())
		}
	}
}

func (t *Tracker) times(begin time.Time) Times {
	t.mu.Lock()
	defer t.mu.Unlock()
	var times Times
	for i := range t.fleet.Size {
		app := t.applications[t.fleet.Name(i)]
		times.Updated = append(times.Updated, app.updatedAt.Sub(begin))
		times.Done = append(times.Done, app.doneAt.Sub(begin))
	}
	return times
}

// unfinished returns an error that names one of the applications that are not done.
func (t *Tracker) unfinished() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.fleet.Size {
		name := t.fleet.Name(i)
		if app := t.applications[name]; app.doneAt.IsZero() {
			return fmt.Errorf("%d of %d are not done, %s/%s among them: %d pods, complete=%t",
				t.open, t.fleet.Size, t.fleet.Namespace, name, len(app.pods), app.controller.complete)
		}
	}
	return nil
}

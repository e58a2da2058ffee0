package observe

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
)

// lister lists and watches one resource.
type lister[L runtime.Object] interface {
	List(ctx context.Context, options metav1.ListOptions) (L, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// follow calls handle with everything that there is before it returns, and with
// every event from exactly then on until the context ends. A watch that breaks off
// goes on where it was. If it cannot, fail is called: unlike an informer, which
// would list again, an observer must not pretend to have seen what it has not.
func follow[L runtime.Object](
	ctx context.Context, client lister[L], options metav1.ListOptions,
	handle func(watch.EventType, runtime.Object), fail func(error),
) error {
	list, err := client.List(ctx, options)
	if err != nil {
		return fmt.Errorf("listing: %w", err)
	}
	listMeta, err := meta.ListAccessor(list)
	if err != nil {
		return fmt.Errorf("reading a list: %w", err)
	}
	if err := meta.EachListItem(list, func(object runtime.Object) error {
		handle(watch.Added, object)
		return nil
	}); err != nil {
		return fmt.Errorf("reading a list: %w", err)
	}
	watcher, err := toolswatch.NewRetryWatcherWithContext(ctx, listMeta.GetResourceVersion(), &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector, o.FieldSelector = options.LabelSelector, options.FieldSelector
			return client.Watch(ctx, o)
		},
	})
	if err != nil {
		return fmt.Errorf("watching: %w", err)
	}
	go func() {
		for event := range watcher.ResultChan() {
			switch event.Type {
			case watch.Added, watch.Modified, watch.Deleted:
				handle(event.Type, event.Object)
			case watch.Error:
				fail(apierrors.FromObject(event.Object))
			case watch.Bookmark:
			}
		}
		if ctx.Err() == nil {
			fail(fmt.Errorf("the watch of %T ended", list))
		}
	}()
	return nil
}

package client

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// Seen is what a watch shows at one moment: all ReplicationControllers of the namespace,
// by name.
type Seen map[string]*unstructured.Unstructured

// Others are all but the named one.
func (s Seen) Others(name string) []*unstructured.Unstructured {
	var others []*unstructured.Unstructured
	for key, rc := range s {
		if key != name {
			others = append(others, rc)
		}
	}
	return others
}

// Follow calls see with every state of the namespace that it gets to see, until see
// returns true or an error, or the context ends. It may skip states. since is what the
// caller knows already: nothing older than that is shown.
func (c *Client) Follow(ctx context.Context, since *unstructured.Unstructured, see func(Seen) (bool, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	changed := make(chan struct{}, 1)
	informer, err := c.watch(ctx, cancel, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
		seen := Seen{}
		for _, object := range informer.GetStore().List() {
			rc := object.(*unstructured.Unstructured)
			seen[rc.GetName()] = rc
		}
		if !informer.HasSynced() || older(seen[since.GetName()], since) {
			continue
		}
		if stop, err := see(seen); stop || err != nil {
			return err
		}
	}
}

// watch starts an informer that notifies of every change, and when it has synced. It ends
// with the context, which it cancels if the user may not watch: it would try for ever.
func (c *Client) watch(ctx context.Context, cancel context.CancelCauseFunc, notify func()) (cache.SharedIndexInformer, error) {
	informer := dynamicinformer.NewFilteredDynamicInformer(c.dynamic, replicationControllers, c.Namespace, 0, cache.Indexers{}, nil).Informer()
	giveUp := func(_ context.Context, _ *cache.Reflector, err error) {
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			cancel(err)
		}
	}
	if err := informer.SetWatchErrorHandlerWithContext(giveUp); err != nil {
		return nil, err
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(any, any) { notify() },
		DeleteFunc: func(any) { notify() },
	}
	if _, err := informer.AddEventHandler(handler); err != nil {
		return nil, err
	}
	go informer.RunWithContext(ctx)
	go func() {
		if cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			notify()
		}
	}()
	return informer, nil
}

// older reports whether what was seen is from before what is known: the API server may
// answer the first list from a cache.
func older(seen, since *unstructured.Unstructured) bool {
	if seen == nil || seen.GetUID() != since.GetUID() {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(seen.GetResourceVersion(), since.GetResourceVersion())
	return err == nil && order < 0
}

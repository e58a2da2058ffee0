package client

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
)

// Seen is what the watches show at one moment.
type Seen struct {
	// RC is the ReplicationController that is followed; nil if there is none of that name.
	RC *unstructured.Unstructured

	// Others are those that are rolling in the namespace, owned ones among them.
	Others []*unstructured.Unstructured

	// Pods are those of all of them, and maybe others; only if they are wanted.
	Pods []*unstructured.Unstructured

	policies *KnownPolicies
}

// Rollout is that of RC.
func (s Seen) Rollout() progress.Rollout { return s.policies.Rollout(s.RC, s.Others) }

// Following says what to follow besides a ReplicationController and what it owns.
type Following struct {
	// Pods is set if the pods are wanted, too.
	Pods bool

	// Every is the time after which the same is shown again, though nothing has changed; 0
	// is never.
	Every time.Duration
}

// Follow calls see with every state that it gets to see, until see returns true or an
// error, or the context ends. It may skip states. since is what the caller knows already:
// nothing older than that is shown.
func (c *Client) Follow(ctx context.Context, since *unstructured.Unstructured, following Following, see func(Seen) (bool, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f, err := c.newFollower(ctx, cancel, since)
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	var again <-chan time.Time
	if following.Every > 0 {
		ticker := time.NewTicker(following.Every)
		defer ticker.Stop()
		again = ticker.C
	}
	var shown *Seen
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-f.changed:
			seen, complete := f.look()
			if complete && following.Pods {
				if complete, err = f.withPods(&seen); err != nil {
					return fmt.Errorf("watch: %w", err)
				}
			}
			if !complete {
				continue
			}
			shown = &seen
		case <-again:
			if shown == nil {
				continue
			}
		}
		if stop, err := see(*shown); stop || err != nil {
			return err
		}
	}
}

// follower watches one ReplicationController by its name, and those that are rolling by
// their label: what it owns is among them, and what else the namespace has is not. The
// two watches are not of the same moment. So while the ReplicationController itself is
// rolling it is taken from the second, which shows it and what it owns as they were at
// one moment: with an older owned one, the end of a rollout would look like that of a
// rollback.
type follower struct {
	client  *Client
	ctx     context.Context
	cancel  context.CancelCauseFunc
	changed chan struct{}

	named, rolling cache.SharedIndexInformer
	policies       *policyWatch

	// pods are by their selector.
	pods map[string]cache.SharedIndexInformer

	// since is the ReplicationController as it was seen last.
	since *unstructured.Unstructured
}

func (c *Client) newFollower(ctx context.Context, cancel context.CancelCauseFunc, since *unstructured.Unstructured) (*follower, error) {
	f := &follower{client: c, ctx: ctx, cancel: cancel, changed: make(chan struct{}, 1), pods: map[string]cache.SharedIndexInformer{}, since: since}
	var err error
	if f.named, err = f.watch(replicationControllers, func(options *metav1.ListOptions) {
		options.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, since.GetName()).String()
	}); err != nil {
		return nil, err
	}
	if f.rolling, err = f.watch(replicationControllers, func(options *metav1.ListOptions) { options.LabelSelector = rollingSelector }); err != nil {
		return nil, err
	}
	f.policies, err = f.watchPolicies()
	return f, err
}

// look returns what is seen, and whether that is a state that there was.
func (f *follower) look() (Seen, bool) {
	known := f.policies.known()
	if !f.named.HasSynced() || !f.rolling.HasSynced() || known == nil {
		return Seen{}, false
	}
	seen, ok := pick(objects(f.named), objects(f.rolling), f.since)
	seen.policies = known
	if ok && seen.RC != nil {
		f.since = seen.RC
	}
	return seen, ok
}

// pick finds what belongs together in the two watches; false if they are not of the same
// moment, or of one before since.
func pick(named, rolling []*unstructured.Unstructured, since *unstructured.Unstructured) (Seen, bool) {
	var seen Seen
	for _, rc := range rolling {
		if rc.GetName() == since.GetName() {
			seen.RC = rc
		} else {
			seen.Others = append(seen.Others, rc)
		}
	}
	if seen.RC == nil && len(named) > 0 {
		if seen.RC = named[0]; seen.RC.GetLabels()[api.RollingLabel] == api.True {
			return Seen{}, false // The other watch is behind, or already ahead.
		}
	}
	return seen, !older(seen.RC, since)
}

// older reports whether what is seen is from before what is known: the API server may
// answer the first list from a cache, and one watch may be behind the other.
func older(seen, since *unstructured.Unstructured) bool {
	if seen == nil || seen.GetUID() != since.GetUID() {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(seen.GetResourceVersion(), since.GetResourceVersion())
	return err == nil && order < 0
}

// withPods adds the pods of what is seen. A selector that is seen for the first time is
// watched from then on: mostly there is but one.
func (f *follower) withPods(seen *Seen) (bool, error) {
	for _, selector := range podSelectors(seen.RC, seen.Others) {
		if f.pods[selector] != nil {
			continue
		}
		informer, err := f.watch(pods, func(options *metav1.ListOptions) { options.LabelSelector = selector })
		if err != nil {
			return false, err
		}
		f.pods[selector] = informer
	}
	listed := map[string]*unstructured.Unstructured{}
	for _, informer := range f.pods {
		if !informer.HasSynced() {
			return false, nil
		}
		for _, pod := range objects(informer) {
			listed[pod.GetName()] = pod
		}
	}
	for _, pod := range listed {
		seen.Pods = append(seen.Pods, pod)
	}
	return true, nil
}

// watch starts an informer that notifies of every change, and when it has synced. It ends
// with the context, which it cancels if the user may not watch: it would try for ever.
func (f *follower) watch(resource schema.GroupVersionResource, tweak func(*metav1.ListOptions)) (cache.SharedIndexInformer, error) {
	informer := dynamicinformer.NewFilteredDynamicInformer(f.client.dynamic, resource, f.client.Namespace, 0, cache.Indexers{}, tweak).Informer()
	giveUp := func(err error) {
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			f.cancel(err)
		}
	}
	return informer, f.start(informer, f.notify, giveUp)
}

// start runs an informer until the context ends.
func (f *follower) start(informer cache.SharedIndexInformer, changed func(), failed func(error)) error {
	if err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) { failed(err) }); err != nil {
		return err
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	}
	if _, err := informer.AddEventHandler(handler); err != nil {
		return err
	}
	go informer.RunWithContext(f.ctx)
	go func() {
		if cache.WaitForCacheSync(f.ctx.Done(), informer.HasSynced) {
			changed()
		}
	}()
	return nil
}

func (f *follower) notify() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

func objects(informer cache.SharedIndexInformer) []*unstructured.Unstructured {
	list := informer.GetStore().List()
	typed := make([]*unstructured.Unstructured, len(list))
	for i, object := range list {
		typed[i] = object.(*unstructured.Unstructured)
	}
	return typed
}

// Package policies is the shell around pkg/policy: it watches the RolloutPolicies, and of
// the namespaces the labels that they select by.
//
// Without the resource definition there are no policies. It may be installed at any time:
// the watch is tried again, as after any failure.
package policies

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/policy"
)

// Source knows the policies of the cluster. It is a manager.Runnable.
type Source struct {
	policies, namespaces cache.SharedIndexInformer

	mu        sync.Mutex
	absent    bool // there is no resource definition
	stale     bool // set is to be read anew
	set       policy.Set
	objects   []v1alpha1.RolloutPolicy
	listeners []func()
}

// New makes a source that knows nothing until it is started.
func New(config *rest.Config) (*Source, error) {
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("set up the client for policies: %w", err)
	}
	metadataClient, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("set up the client for namespaces: %w", err)
	}
	s := &Source{
		policies:   dynamicinformer.NewFilteredDynamicInformer(dynamicClient, v1alpha1.RolloutPolicies, "", 0, nil, nil).Informer(),
		namespaces: metadatainformer.NewFilteredMetadataInformer(metadataClient, corev1.SchemeGroupVersion.WithResource("namespaces"), "", 0, nil, nil).Informer(),
		stale:      true,
	}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("set up the watch of policies: %w", err)
	}
	return s, nil
}

func (s *Source) prepare() error {
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { s.setAbsent(false); s.changed() },
		UpdateFunc: s.updated,
		DeleteFunc: func(any) { s.changed() },
	}
	_, err := s.policies.AddEventHandler(handler)
	_, namespacesErr := s.namespaces.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: s.relabelled})
	return errors.Join(err, namespacesErr,
		s.policies.SetTransform(cache.TransformFunc(strip)),
		s.namespaces.SetTransform(cache.TransformFunc(strip)),
		s.policies.SetWatchErrorHandlerWithContext(s.watchFailed))
}

// strip keeps what is needed in memory: of namespaces the labels only.
func strip(object any) (any, error) {
	switch o := object.(type) {
	case *metav1.PartialObjectMetadata:
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion, Labels: o.Labels,
		}}, nil
	case *unstructured.Unstructured:
		o.SetManagedFields(nil)
	}
	return object, nil
}

// watchFailed notes that there is no resource definition. Anything else is reported.
func (s *Source) watchFailed(ctx context.Context, r *cache.Reflector, err error) {
	if apierrors.IsNotFound(err) {
		if !s.setAbsent(true) {
			s.changed()
		}
		return
	}
	cache.DefaultWatchErrorHandler(ctx, r, err)
}

// setAbsent notes whether there is no resource definition, and returns whether there was none.
func (s *Source) setAbsent(absent bool) (wasAbsent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wasAbsent, s.absent = s.absent, absent
	return wasAbsent
}

// updated ignores changes of the status, which the agent itself makes.
func (s *Source) updated(old, new any) {
	before, okBefore := old.(*unstructured.Unstructured)
	after, okAfter := new.(*unstructured.Unstructured)
	if wasAbsent := s.setAbsent(false); !wasAbsent && okBefore && okAfter && before.GetUID() == after.GetUID() && before.GetGeneration() == after.GetGeneration() {
		s.mu.Lock()
		s.stale = true
		s.mu.Unlock()
		return
	}
	s.changed()
}

// relabelled tells the listeners of a namespace that other policies may select now.
func (s *Source) relabelled(old, new any) {
	before, okBefore := old.(*metav1.PartialObjectMetadata)
	after, okAfter := new.(*metav1.PartialObjectMetadata)
	if okBefore && okAfter && !maps.Equal(before.Labels, after.Labels) {
		s.tell()
	}
}

func (s *Source) changed() {
	s.mu.Lock()
	s.stale = true
	s.mu.Unlock()
	s.tell()
}

func (s *Source) tell() {
	s.mu.Lock()
	listeners := s.listeners
	s.mu.Unlock()
	for _, listener := range listeners {
		listener()
	}
}

// Listen has a function called, which must not block, whenever other policies may hold. It
// must be called before Start.
func (s *Source) Listen(listener func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, listener)
}

// Start watches until the context ends.
func (s *Source) Start(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { s.policies.RunWithContext(ctx) })
	running.Go(func() { s.namespaces.RunWithContext(ctx) })
	running.Wait()
	return nil
}

// NeedLeaderElection is false: who stands by has to know the policies, too.
func (s *Source) NeedLeaderElection() bool { return false }

// Ready returns an error until the policies are known, or that there are none.
func (s *Source) Ready() error {
	s.mu.Lock()
	absent := s.absent
	s.mu.Unlock()
	if !absent && !s.policies.HasSynced() || !s.namespaces.HasSynced() {
		return errUnknown
	}
	return nil
}

var errUnknown = errors.New("the RolloutPolicies are not known yet")

// patience is how long a review or a pass waits for what a process that starts, or a
// namespace that was just made, has yet to be known.
const (
	patience     = 3 * time.Second
	pollInterval = 20 * time.Millisecond
)

// Set returns the policies, read once; an error if they are not known.
func (s *Source) Set(ctx context.Context) (policy.Set, error) {
	if err := s.awaitPolicies(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stale {
		return s.set, nil
	}
	s.stale, s.objects = false, nil
	for _, stored := range s.stored() {
		object, ok := stored.(*unstructured.Unstructured)
		if !ok {
			continue
		}
		var p v1alpha1.RolloutPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &p); err != nil {
			s.stale = true
			return nil, fmt.Errorf("read RolloutPolicy %s: %w", object.GetName(), err)
		}
		s.objects = append(s.objects, p)
	}
	s.set = policy.Compile(s.objects)
	return s.set, nil
}

// stored are the policies that were seen last; none without the resource definition, of whose
// end the watch may have missed that it took them along. The lock is held.
func (s *Source) stored() []any {
	if s.absent {
		return nil
	}
	return s.policies.GetStore().List()
}

// Objects are the policies as they are stored.
func (s *Source) Objects(ctx context.Context) ([]v1alpha1.RolloutPolicy, error) {
	if _, err := s.Set(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects, nil
}

// For returns the policies that select a ReplicationController; an error if they, or its
// namespace, are not known.
func (s *Source) For(ctx context.Context, object metav1.Object) (policy.Effective, error) {
	set, err := s.Set(ctx)
	if err != nil || len(set) == 0 {
		return nil, err
	}
	namespaceLabels, err := s.namespaceLabels(ctx, object.GetNamespace())
	if err != nil {
		return nil, err
	}
	return set.For(policy.Target{NamespaceLabels: namespaceLabels, Labels: object.GetLabels()}), nil
}

// namespaceLabels waits for a namespace that was just made: nobody knows which policies
// select in one that is not known.
func (s *Source) namespaceLabels(ctx context.Context, name string) (map[string]string, error) {
	var namespace *metav1.PartialObjectMetadata
	known := func(context.Context) (bool, error) {
		stored, _, err := s.namespaces.GetStore().GetByKey(name)
		namespace, _ = stored.(*metav1.PartialObjectMetadata)
		return namespace != nil, err
	}
	if err := wait.PollUntilContextTimeout(ctx, pollInterval, patience, true, known); err != nil {
		return nil, fmt.Errorf("get the labels of namespace %s: %w", name, err)
	}
	return namespace.Labels, nil
}

// awaitPolicies gives a process that starts the time to learn the policies.
func (s *Source) awaitPolicies(ctx context.Context) error {
	if s.Ready() == nil {
		return nil
	}
	known := func(context.Context) (bool, error) { return s.Ready() == nil, nil }
	if err := wait.PollUntilContextTimeout(ctx, pollInterval, patience, true, known); err != nil {
		return errUnknown
	}
	return nil
}

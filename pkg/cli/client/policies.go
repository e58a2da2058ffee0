package client

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/policy"
	"github.com/rcroll/rcroll/pkg/progress"
)

var namespaces = corev1.SchemeGroupVersion.WithResource("namespaces")

// NamespaceLabels are those of the namespace.
func (c *Client) NamespaceLabels(ctx context.Context) (map[string]string, error) {
	namespace, err := c.dynamic.Resource(namespaces).Get(ctx, c.Namespace, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return namespace.GetLabels(), nil
}

// Policies are the RolloutPolicies of the cluster; none if it does not know them.
func (c *Client) Policies(ctx context.Context) ([]v1alpha1.RolloutPolicy, error) {
	objects, err := c.list(ctx, v1alpha1.RolloutPolicies, "", metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return readPolicies(objects)
}

func readPolicies(objects []*unstructured.Unstructured) ([]v1alpha1.RolloutPolicy, error) {
	policies := make([]v1alpha1.RolloutPolicy, len(objects))
	for i, object := range objects {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &policies[i]); err != nil {
			return nil, fmt.Errorf("read RolloutPolicy %s: %w", object.GetName(), err)
		}
	}
	return policies, nil
}

// KnownPolicies are the policies that the user may read; none if the user may not. What they
// have a rollout do is seen all the same, and the conditions tell of it.
type KnownPolicies struct {
	set    policy.Set
	labels map[string]map[string]string // by namespace
}

// KnownPolicies reads what policies say in a namespace; in all, if that is empty.
func (c *Client) KnownPolicies(ctx context.Context, namespace string) (*KnownPolicies, error) {
	read, err := c.Policies(ctx)
	if apierrors.IsForbidden(err) {
		return &KnownPolicies{}, nil
	}
	if err != nil || len(read) == 0 {
		return &KnownPolicies{}, err
	}
	labels, err := c.labelsByNamespace(ctx, namespace)
	if err != nil || labels == nil {
		return &KnownPolicies{}, err
	}
	return &KnownPolicies{set: policy.Compile(read), labels: labels}, nil
}

// labelsByNamespace are those of a namespace, or of all; nil if the user may not read them.
func (c *Client) labelsByNamespace(ctx context.Context, namespace string) (map[string]map[string]string, error) {
	if namespace != "" {
		object, err := c.dynamic.Resource(namespaces).Get(ctx, namespace, metav1.GetOptions{})
		if err != nil {
			return nil, ignoreForbidden(err)
		}
		return map[string]map[string]string{namespace: object.GetLabels()}, nil
	}
	objects, err := c.list(ctx, namespaces, "", metav1.ListOptions{})
	if err != nil {
		return nil, ignoreForbidden(err)
	}
	labels := make(map[string]map[string]string, len(objects))
	for _, object := range objects {
		labels[object.GetName()] = object.GetLabels()
	}
	return labels, nil
}

func ignoreForbidden(err error) error {
	if apierrors.IsForbidden(err) {
		return nil
	}
	return err
}

// For returns the policies that select a ReplicationController.
func (k *KnownPolicies) For(rc *unstructured.Unstructured) policy.Effective {
	labels, known := k.labels[rc.GetNamespace()]
	if !known {
		return nil
	}
	return k.set.For(policy.Target{NamespaceLabels: labels, Labels: rc.GetLabels()})
}

// Rollout reads the rollout of a ReplicationController.
func (k *KnownPolicies) Rollout(rc *unstructured.Unstructured, others []*unstructured.Unstructured) progress.Rollout {
	return progress.Under(k.For(rc), rc, others)
}

// policyWatch knows the policies while a rollout is followed.
type policyWatch struct {
	informer cache.SharedIndexInformer
	labels   map[string]map[string]string

	mu     sync.Mutex
	absent bool           // there are none, or the user may not read them
	read   *KnownPolicies // nil if they are to be read anew
}

func (f *follower) watchPolicies() (*policyWatch, error) {
	labels, err := f.client.labelsByNamespace(f.ctx, f.client.Namespace)
	if err != nil {
		return nil, err
	}
	if labels == nil {
		return &policyWatch{absent: true}, nil
	}
	w := &policyWatch{labels: labels}
	w.informer = dynamicinformer.NewFilteredDynamicInformer(f.client.dynamic, v1alpha1.RolloutPolicies, "", 0, cache.Indexers{}, nil).Informer()
	changed := func() { w.set(false); f.notify() }
	failed := func(err error) {
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
			w.set(true)
			f.notify()
		}
	}
	return w, f.start(w.informer, changed, failed)
}

func (w *policyWatch) set(absent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.absent, w.read = absent, nil
}

// known returns the policies; nil as long as they were not seen.
func (w *policyWatch) known() *KnownPolicies {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.absent:
		return &KnownPolicies{}
	case w.read != nil || !w.informer.HasSynced():
		return w.read
	}
	// What the API server has let in can be read.
	read, _ := readPolicies(objects(w.informer))
	w.read = &KnownPolicies{set: policy.Compile(read), labels: w.labels}
	return w.read
}

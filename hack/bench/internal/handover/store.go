package handover

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// pollInterval is how often what the watch has shown is looked at.
const pollInterval = 2 * time.Millisecond

// store is what a watch has shown of the ReplicationControllers of a namespace.
type store struct {
	namespace string
	cache     cache.Store
}

func watch(ctx context.Context, client kubernetes.Interface, namespace string) *store {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	informer := factory.Core().V1().ReplicationControllers().Informer()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return &store{namespace: namespace, cache: informer.GetStore()}
}

// wrote has the store know an own write before the watch shows it.
func (s *store) wrote(rc *corev1.ReplicationController) { _ = s.cache.Update(rc) }

// await waits until a condition holds for the object; nil is one that is not there.
func (s *store) await(ctx context.Context, name string, holds func(*corev1.ReplicationController) bool) error {
	err := wait.PollUntilContextCancel(ctx, pollInterval, true, func(context.Context) (bool, error) {
		object, found, err := s.cache.GetByKey(s.namespace + "/" + name)
		if err != nil || !found {
			return holds(nil), err
		}
		return holds(object.(*corev1.ReplicationController)), nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s: %w", name, err)
	}
	return nil
}

func gone(rc *corev1.ReplicationController) bool { return rc == nil }

func observed(rc *corev1.ReplicationController) bool {
	return rc != nil && rc.Status.ObservedGeneration >= rc.Generation
}

// serves means that all pods belong to it, and are available.
func (p *Pairs) serves(rc *corev1.ReplicationController) bool {
	n := int32(p.Replicas)
	return observed(rc) && rc.Status.Replicas == n && rc.Status.AvailableReplicas == n
}

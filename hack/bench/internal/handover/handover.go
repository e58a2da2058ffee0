// Package handover carries out the end of a rolling update, the moment when pods go from
// one ReplicationController to another, in each of the ways that were considered for it
// (docs/design.md, «No third party takes a pod»). No rcroll is involved: what is compared
// are the ways, on bare pairs of ReplicationControllers.
package handover

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/hack/bench/internal/workload"
	"github.com/rcroll/rcroll/pkg/api"
)

// Way is a way to hand pods over.
type Way string

const (
	// Unguarded seals, orphans and adopts, and leaves the orphans to whoever comes.
	Unguarded Way = "unguarded"

	// Label does the same with pods that carry the label of their successor, by which
	// rcroll's policies guard them. It is what rcroll does.
	Label Way = "label"

	// Parameters does the same under a policy with the sealed ReplicationControllers as
	// its parameters.
	Parameters Way = "policy with parameters"

	// Patches gives each pod its new owner in one patch, so that none is without one.
	Patches Way = "a patch for each pod"
)

// Ways are all of them.
var Ways = []Way{Unguarded, Label, Parameters, Patches}

const (
	hashLabel, hash = "deployment", "0123456789abcdef0123456789abcdef"

	// sealed is a label of the benchmark's own: of rcroll's, its agent would take notice.
	sealed = "bench/sealed"

	finalizer = "bench/hand-over"

	// writers is how many requests there are at once.
	writers = 32
)

// Pairs are ReplicationControllers of which each one has all pods and its successor none.
type Pairs struct {
	Way            Way
	Namespace      string
	Size, Replicas int

	client kubernetes.Interface
	store  *store
}

// Create creates the pairs and waits until their pods are available. They are in a
// namespace in which rcroll does nothing.
func (p *Pairs) Create(ctx context.Context, client kubernetes.Interface) error {
	p.client = client
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: p.Namespace, Labels: map[string]string{api.EnabledKey: "false"}}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace %s: %w", p.Namespace, err)
	}
	if p.Way == Parameters {
		if err := createPolicy(ctx, client, p.Namespace); err != nil {
			return err
		}
	}
	p.store = watch(ctx, client, p.Namespace)
	return p.each(ctx, func(ctx context.Context, name string) error {
		heir, err := p.rcs().Create(ctx, p.heir(name), metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("create %s: %w", name, err)
		}
		if _, err := p.rcs().Create(ctx, p.holder(heir), metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create the holder of %s: %w", name, err)
		}
		return p.store.await(ctx, holderOf(name), p.serves)
	})
}

// Remove deletes the namespace.
func (p *Pairs) Remove(ctx context.Context) error {
	return p.client.CoreV1().Namespaces().Delete(ctx, p.Namespace, metav1.DeleteOptions{})
}

// HandOver hands the pods of all pairs over, all at once, and returns how long that took:
// from the first write until each successor has its pods and an open template.
func (p *Pairs) HandOver(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	err := p.each(ctx, func(ctx context.Context, name string) error {
		if p.Way == Patches {
			return p.patchOver(ctx, name)
		}
		return p.adopt(ctx, name)
	})
	return time.Since(began), err
}

// adopt is: seal, orphan, adopt, open.
func (p *Pairs) adopt(ctx context.Context, name string) error {
	if err := p.write(ctx, name, func(rc *corev1.ReplicationController) { template(rc, sealed) }); err != nil {
		return err
	}
	if err := p.store.await(ctx, name, observed); err != nil {
		return err
	}
	if err := p.rcs().Delete(ctx, holderOf(name), metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationOrphan)}); err != nil {
		return err
	}
	if err := p.store.await(ctx, holderOf(name), gone); err != nil {
		return err
	}
	if err := p.takeOver(ctx, name); err != nil {
		return err
	}
	return p.open(ctx, name)
}

// patchOver gives the successor its template and replicas while the holder stands with a
// deletion timestamp, and then each pod to the successor.
func (p *Pairs) patchOver(ctx context.Context, name string) error {
	holder := holderOf(name)
	if err := p.rcs().Delete(ctx, holder, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}); err != nil {
		return err
	}
	pods, err := p.client.CoreV1().Pods(p.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name, ResourceVersion: "0"})
	if err != nil {
		return err
	}
	if err := p.takeOverWith(ctx, name, func(heir *corev1.ReplicationController) error {
		patch := fmt.Appendf(nil, `[{"op":"test","path":"/metadata/ownerReferences/0/name","value":%q},`+
			`{"op":"replace","path":"/metadata/ownerReferences/0/name","value":%q},{"op":"replace","path":"/metadata/ownerReferences/0/uid","value":%q}]`,
			holder, name, heir.UID)
		return workload.InParallel(ctx, len(pods.Items), writers, func(ctx context.Context, i int) error {
			_, err := p.client.CoreV1().Pods(p.Namespace).Patch(ctx, pods.Items[i].Name, types.JSONPatchType, patch, metav1.PatchOptions{})
			return err
		})
	}); err != nil {
		return err
	}
	release := []byte(`[{"op":"remove","path":"/metadata/finalizers"}]`)
	if _, err := p.rcs().Patch(ctx, holder, types.JSONPatchType, release, metav1.PatchOptions{}); err != nil {
		return err
	}
	if err := p.store.await(ctx, holder, gone); err != nil {
		return err
	}
	return p.open(ctx, name)
}

// takeOver gives the successor its replicas, and waits until it has them.
func (p *Pairs) takeOver(ctx context.Context, name string) error {
	return p.takeOverWith(ctx, name, func(*corev1.ReplicationController) error { return nil })
}

func (p *Pairs) takeOverWith(ctx context.Context, name string, then func(heir *corev1.ReplicationController) error) error {
	var heir *corev1.ReplicationController
	if err := p.write(ctx, name, func(rc *corev1.ReplicationController) {
		template(rc, api.AdoptingLabel)
		delete(rc.Spec.Selector, api.AdoptingLabel)
		rc.Spec.Replicas = ptr.To(int32(p.Replicas))
		heir = rc
	}); err != nil {
		return err
	}
	if err := then(heir); err != nil {
		return err
	}
	return p.store.await(ctx, name, p.serves)
}

// open removes the mark that keeps pods from being created.
func (p *Pairs) open(ctx context.Context, name string) error {
	return p.write(ctx, name, func(rc *corev1.ReplicationController) { delete(rc.Spec.Template.Labels, api.AdoptingLabel) })
}

package pairing

import (
	"context"
	"encoding/json"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// publisher writes the webhook's terms once for each process, and again when they are
// gone. It does not insist on its own: while the webhook is being updated with other
// flags, old and new replicas would overwrite each other's without end.
type publisher struct {
	client client.Client
	terms  Terms
	done   bool
}

// Publish adds to a manager, whose cache is restricted to the named
// MutatingWebhookConfiguration, what publishes the terms there.
func Publish(mgr manager.Manager, terms Terms) error {
	err := ctrl.NewControllerManagedBy(mgr).
		Named("pairing").
		For(&admissionv1.MutatingWebhookConfiguration{}).
		WithOptions(controller.Options{NeedLeaderElection: ptr.To(false)}).
		Complete(&publisher{client: mgr.GetClient(), terms: terms})
	if err != nil {
		return fmt.Errorf("register the publisher of the pairing: %w", err)
	}
	return nil
}

// Reconcile is called when the webhook configuration has changed.
func (p *publisher) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	configuration := &admissionv1.MutatingWebhookConfiguration{}
	if err := p.client.Get(ctx, request.NamespacedName, configuration); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if p.done && published(configuration.Annotations) {
		return reconcile.Result{}, nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": p.terms.annotations()}})
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("encode the patch of webhook configuration %s: %w", request.Name, err)
	}
	if err := p.client.Patch(ctx, configuration, client.RawPatch(types.MergePatchType, patch), client.FieldOwner("rcroll-webhook")); err != nil {
		return reconcile.Result{}, fmt.Errorf("publish the pairing in webhook configuration %s: %w", request.Name, err)
	}
	p.done = true
	return reconcile.Result{}, nil
}

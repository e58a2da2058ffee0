package certs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ensureTrusted adds the CA to the caBundle of every webhook in the configuration,
// records since when it has been there, and returns the caBundles.
func (r *Rotator) ensureTrusted(ctx context.Context, ca []byte) ([][]byte, error) {
	configuration, err := r.configuration(ctx)
	if err != nil {
		return nil, err
	}
	if patch := trustPatch(configuration, ca); len(patch) > 0 {
		text, err := json.Marshal(patch)
		if err != nil {
			return nil, fmt.Errorf("encode the patch of webhook configuration %s: %w", configuration.Name, err)
		}
		if err := r.cached.Patch(ctx, configuration, client.RawPatch(types.JSONPatchType, text), fieldOwner); err != nil {
			return nil, fmt.Errorf("patch webhook configuration %s: %w", r.options.Configuration, err)
		}
		ctrl.LoggerFrom(ctx).Info("Added the CA to the caBundles", "configuration", r.options.Configuration)
	}
	if !bytes.Equal(r.trusted, ca) {
		r.trusted, r.trustedSince = ca, r.now()
	}
	return bundlesOf(configuration), nil
}

func bundlesOf(configuration *admissionv1.MutatingWebhookConfiguration) [][]byte {
	bundles := make([][]byte, len(configuration.Webhooks))
	for i := range configuration.Webhooks {
		bundles[i] = configuration.Webhooks[i].ClientConfig.CABundle
	}
	return bundles
}

func (r *Rotator) configuration(ctx context.Context) (*admissionv1.MutatingWebhookConfiguration, error) {
	configuration := &admissionv1.MutatingWebhookConfiguration{}
	if err := r.cached.Get(ctx, types.NamespacedName{Name: r.options.Configuration}, configuration); err != nil {
		return nil, fmt.Errorf("get webhook configuration %s: %w", r.options.Configuration, err)
	}
	return configuration, nil
}

// operation is one operation of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// trustPatch adds the CA to the caBundles that lack it, and is empty if none does.
// It names nothing else, so that fields that this build does not know are preserved,
// and fails with a conflict if the configuration has changed in the meantime.
func trustPatch(configuration *admissionv1.MutatingWebhookConfiguration, ca []byte) []operation {
	var patch []operation
	for i, before := range bundlesOf(configuration) {
		if after := trusting(ca, before); !bytes.Equal(before, after) {
			patch = append(patch, operation{Op: "add", Path: fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", i), Value: after})
		}
	}
	if len(patch) == 0 {
		return nil
	}
	return append(patch, operation{Op: "replace", Path: "/metadata/resourceVersion", Value: configuration.ResourceVersion})
}

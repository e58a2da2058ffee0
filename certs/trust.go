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

// ensureTrusted puts the bundle into every webhook of the configuration, and
// notes since when it is there.
func (k *Keeper) ensureTrusted(ctx context.Context, bundle []byte) error {
	configuration, err := k.configuration(ctx)
	if err != nil {
		return err
	}
	if patch := trustPatch(configuration.Webhooks, bundle); len(patch) > 0 {
		text, err := json.Marshal(patch)
		if err != nil {
			return fmt.Errorf("encode the patch of webhook configuration %s: %w", configuration.Name, err)
		}
		if err := k.cached.Patch(ctx, configuration, client.RawPatch(types.JSONPatchType, text), fieldOwner); err != nil {
			return fmt.Errorf("patch webhook configuration %s: %w", k.options.Configuration, err)
		}
		ctrl.LoggerFrom(ctx).Info("Published the CA", "configuration", k.options.Configuration)
	}
	if !bytes.Equal(k.trusted, bundle) {
		k.trusted, k.trustedSince = bundle, k.now()
	}
	return nil
}

func (k *Keeper) configuration(ctx context.Context) (*admissionv1.MutatingWebhookConfiguration, error) {
	configuration := &admissionv1.MutatingWebhookConfiguration{}
	if err := k.cached.Get(ctx, types.NamespacedName{Name: k.options.Configuration}, configuration); err != nil {
		return nil, fmt.Errorf("get webhook configuration %s: %w", k.options.Configuration, err)
	}
	return configuration, nil
}

// operation is one of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// trustPatch sets the caBundles that differ. It names nothing else, so that
// fields that this build does not know survive, and fails if the list of webhooks
// has changed meanwhile.
func trustPatch(webhooks []admissionv1.MutatingWebhook, bundle []byte) []operation {
	var patch []operation
	for i := range webhooks {
		if bytes.Equal(webhooks[i].ClientConfig.CABundle, bundle) {
			continue
		}
		path := fmt.Sprintf("/webhooks/%d", i)
		patch = append(patch,
			operation{Op: "test", Path: path + "/name", Value: webhooks[i].Name},
			operation{Op: "add", Path: path + "/clientConfig/caBundle", Value: bundle})
	}
	return patch
}

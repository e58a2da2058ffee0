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

// ensureTrusted puts the CA into the caBundle of every webhook of the
// configuration, notes since when it is there, and returns the caBundles.
func (k *Keeper) ensureTrusted(ctx context.Context, ca []byte) ([][]byte, error) {
	configuration, err := k.configuration(ctx)
	if err != nil {
		return nil, err
	}
	if patch := trustPatch(configuration.Webhooks, ca); len(patch) > 0 {
		text, err := json.Marshal(patch)
		if err != nil {
			return nil, fmt.Errorf("encode the patch of webhook configuration %s: %w", configuration.Name, err)
		}
		if err := k.cached.Patch(ctx, configuration, client.RawPatch(types.JSONPatchType, text), fieldOwner); err != nil {
			return nil, fmt.Errorf("patch webhook configuration %s: %w", k.options.Configuration, err)
		}
		ctrl.LoggerFrom(ctx).Info("Published the CA", "configuration", k.options.Configuration)
	}
	if !bytes.Equal(k.trusted, ca) {
		k.trusted, k.trustedSince = ca, k.now()
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

// trustPatch adds the CA to the caBundles that lack it. It names nothing else, so
// that fields that this build does not know survive, and fails if the caBundle or
// the list of webhooks has changed meanwhile.
func trustPatch(webhooks []admissionv1.MutatingWebhook, ca []byte) []operation {
	var patch []operation
	for i := range webhooks {
		before := webhooks[i].ClientConfig.CABundle
		after := trusting(ca, before)
		if bytes.Equal(before, after) {
			continue
		}
		path := fmt.Sprintf("/webhooks/%d", i)
		patch = append(patch, operation{Op: "test", Path: path + "/name", Value: webhooks[i].Name})
		if len(before) > 0 {
			patch = append(patch, operation{Op: "test", Path: path + "/clientConfig/caBundle", Value: before})
		}
		patch = append(patch, operation{Op: "add", Path: path + "/clientConfig/caBundle", Value: after})
	}
	return patch
}

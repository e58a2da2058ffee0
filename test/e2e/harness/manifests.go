package harness

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// WithURL has the API server call a process on this machine, which listens on the port,
// wherever the manifests name the webhook's Service: it reaches no pods here.
func WithURL(manifests []byte, port string) ([]byte, error) {
	var out bytes.Buffer
	err := eachObject(manifests, func(object *unstructured.Unstructured) error {
		if object.GetKind() == "MutatingWebhookConfiguration" {
			if err := setURL(object, port); err != nil {
				return err
			}
		}
		text, err := yaml.Marshal(object.Object)
		fmt.Fprintf(&out, "---\n%s", text)
		return err
	})
	return out.Bytes(), err
}

func setURL(configuration *unstructured.Unstructured, port string) error {
	webhooks, _, err := unstructured.NestedSlice(configuration.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, webhook := range webhooks {
		path, _, err := unstructured.NestedString(webhook.(map[string]any), "clientConfig", "service", "path")
		if err != nil {
			return err
		}
		webhook.(map[string]any)["clientConfig"] = map[string]any{"url": "https://localhost:" + port + path}
	}
	return unstructured.SetNestedSlice(configuration.Object, webhooks, "webhooks")
}

// Deployments are those in the manifests, by name.
func Deployments(manifests []byte) (map[string]*appsv1.Deployment, error) {
	found := map[string]*appsv1.Deployment{}
	err := eachObject(manifests, func(object *unstructured.Unstructured) error {
		if object.GetKind() != "Deployment" {
			return nil
		}
		found[object.GetName()] = &appsv1.Deployment{}
		return runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, found[object.GetName()], true)
	})
	return found, err
}

func eachObject(manifests []byte, f func(*unstructured.Unstructured) error) error {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), max(len(manifests), 1))
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the manifests: %w", err)
		}
		if len(object.Object) == 0 {
			continue
		}
		if err := f(object); err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

// Package manifest writes the manifests of the end-to-end tests.
package manifest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// example is seen from the directories of the packages of end-to-end tests.
const example = "../../../examples/tomcat-rc.yaml"

// RC is a ReplicationController as a user writes it down: it holds what was written
// and nothing else, because a field that is absent means something.
type RC map[string]any

// Edit changes a manifest.
type Edit func(RC)

// Tomcat is the manifest of examples/tomcat-rc.yaml with some edits.
func Tomcat(t *testing.T, edits ...Edit) RC {
	t.Helper()
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	return Parse(t, string(text)).With(edits...)
}

// Parse reads a manifest, or what kubectl get shows as YAML.
func Parse(t testing.TB, text string) RC {
	t.Helper()
	var rc RC
	require.NoError(t, yaml.Unmarshal([]byte(text), &rc))
	return rc
}

// With is an edited copy.
func (rc RC) With(edits ...Edit) RC {
	out := RC(runtime.DeepCopyJSON(rc))
	for _, edit := range edits {
		edit(out)
	}
	return out
}

// Metadata is the field metadata.
func (rc RC) Metadata() map[string]any { return rc["metadata"].(map[string]any) }

// Spec is the field spec.
func (rc RC) Spec() map[string]any { return rc["spec"].(map[string]any) }

// PodLabels are the labels of the pod template.
func (rc RC) PodLabels() map[string]any {
	return rc.template()["metadata"].(map[string]any)["labels"].(map[string]any)
}

// PodSpec is the spec of the pod template.
func (rc RC) PodSpec() map[string]any { return rc.template()["spec"].(map[string]any) }

// Containers are those of the pod template, by the field "containers" or
// "initContainers".
func (rc RC) Containers(field string) []map[string]any {
	list, _ := rc.PodSpec()[field].([]any)
	containers := make([]map[string]any, len(list))
	for i, container := range list {
		containers[i] = container.(map[string]any)
	}
	return containers
}

func (rc RC) template() map[string]any { return rc.Spec()["template"].(map[string]any) }

// Name is metadata.name.
func (rc RC) Name() string { return rc.Metadata()["name"].(string) }

// Replicas are those written down.
func (rc RC) Replicas() int {
	n, ok := rc.Spec()["replicas"].(float64)
	if !ok {
		return int(rc.Spec()["replicas"].(int64))
	}
	return int(n)
}

// Images are those of the pods, see observe.Pod.
func (rc RC) Images() string {
	var images []string
	for _, container := range slices.Concat(rc.Containers("containers"), rc.Containers("initContainers")) {
		images = append(images, container["image"].(string))
	}
	return strings.Join(images, ",")
}

// YAML is the manifest as text.
func (rc RC) YAML(t testing.TB) string {
	t.Helper()
	text, err := yaml.Marshal(rc)
	require.NoError(t, err)
	return string(text)
}

// Image sets the image of the first container.
func Image(image string) Edit {
	return func(rc RC) { rc.Containers("containers")[0]["image"] = image }
}

// Replicas sets spec.replicas.
func Replicas(n int) Edit {
	return func(rc RC) { rc.Spec()["replicas"] = int64(n) }
}

// WithoutReplicas leaves the replicas to others.
func WithoutReplicas(rc RC) { delete(rc.Spec(), "replicas") }

// Named sets metadata.name.
func Named(name string) Edit {
	return func(rc RC) { rc.Metadata()["name"] = name }
}

// Annotated sets the annotations, given as keys and values in turn.
func Annotated(pairs ...string) Edit {
	return func(rc RC) {
		annotations := map[string]any{}
		for pair := range slices.Chunk(pairs, 2) {
			annotations[pair[0]] = pair[1]
		}
		rc.Metadata()["annotations"] = annotations
	}
}

// Selecting spells out spec.selector.
func Selecting(labels map[string]string) Edit {
	return func(rc RC) { rc.Spec()["selector"] = untyped(labels) }
}

// PodLabelled sets the labels of the pods.
func PodLabelled(labels map[string]string) Edit {
	return func(rc RC) { rc.template()["metadata"].(map[string]any)["labels"] = untyped(labels) }
}

func untyped(labels map[string]string) map[string]any {
	out := map[string]any{}
	for key, value := range labels {
		out[key] = value
	}
	return out
}

// Env sets a variable in the first container, and no other.
func Env(name, value string) Edit {
	return func(rc RC) {
		variable := map[string]any{"name": name, "value": value}
		rc.Containers("containers")[0]["env"] = []any{variable}
	}
}

// Container adds one to "containers" or "initContainers".
func Container(field, name, image string) Edit {
	return func(rc RC) {
		list, _ := rc.PodSpec()[field].([]any)
		rc.PodSpec()[field] = append(list, any(map[string]any{"name": name, "image": image}))
	}
}

package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// manifest is a ReplicationController as a user writes it down: it holds what was
// written and nothing else, for a field that is not there means something.
type manifest map[string]any

// tomcat is the manifest of examples/tomcat-rc.yaml with some edits.
func tomcat(t *testing.T, edits ...func(manifest)) manifest {
	t.Helper()
	text, err := os.ReadFile("../../examples/tomcat-rc.yaml")
	require.NoError(t, err)
	var m manifest
	require.NoError(t, yaml.Unmarshal(text, &m))
	return m.with(edits...)
}

// with is an edited copy.
func (m manifest) with(edits ...func(manifest)) manifest {
	out := manifest(runtime.DeepCopyJSON(m))
	for _, edit := range edits {
		edit(out)
	}
	return out
}

func (m manifest) metadata() map[string]any { return m["metadata"].(map[string]any) }

func (m manifest) spec() map[string]any { return m["spec"].(map[string]any) }

func (m manifest) template() map[string]any { return m.spec()["template"].(map[string]any) }

func (m manifest) podSpec() map[string]any { return m.template()["spec"].(map[string]any) }

func (m manifest) containers(field string) []any {
	list, _ := m.podSpec()[field].([]any)
	return list
}

func (m manifest) name() string { return m.metadata()["name"].(string) }

// replicas are those written down.
func (m manifest) replicas() int {
	n, ok := m.spec()["replicas"].(float64)
	if !ok {
		return int(m.spec()["replicas"].(int64))
	}
	return int(n)
}

// images are those of the pods, see observe.Pod.
func (m manifest) images() string {
	var images []string
	for _, item := range slices.Concat(m.containers("containers"), m.containers("initContainers")) {
		images = append(images, item.(map[string]any)["image"].(string))
	}
	return strings.Join(images, ",")
}

func (m manifest) yaml(t testing.TB) string {
	t.Helper()
	text, err := yaml.Marshal(m)
	require.NoError(t, err)
	return string(text)
}

func image(image string) func(manifest) {
	return func(m manifest) { m.containers("containers")[0].(map[string]any)["image"] = image }
}

func replicas(n int) func(manifest) {
	return func(m manifest) { m.spec()["replicas"] = int64(n) }
}

func named(name string) func(manifest) {
	return func(m manifest) { m.metadata()["name"] = name }
}

func annotated(pairs ...string) func(manifest) {
	return func(m manifest) {
		annotations := map[string]any{}
		for pair := range slices.Chunk(pairs, 2) {
			annotations[pair[0]] = pair[1]
		}
		m.metadata()["annotations"] = annotations
	}
}

func selecting(labels map[string]string) func(manifest) {
	return func(m manifest) { m.spec()["selector"] = untyped(labels) }
}

// labelled sets the labels of the pods.
func labelled(labels map[string]string) func(manifest) {
	return func(m manifest) { m.template()["metadata"].(map[string]any)["labels"] = untyped(labels) }
}

func untyped(labels map[string]string) map[string]any {
	out := map[string]any{}
	for key, value := range labels {
		out[key] = value
	}
	return out
}

// env sets a variable in the first container.
func env(name, value string) func(manifest) {
	return func(m manifest) {
		variable := map[string]any{"name": name, "value": value}
		m.containers("containers")[0].(map[string]any)["env"] = []any{variable}
	}
}

// container adds one to "containers" or "initContainers".
func container(field, name, image string) func(manifest) {
	return func(m manifest) {
		added := map[string]any{"name": name, "image": image}
		m.podSpec()[field] = append(m.containers(field), any(added))
	}
}

// envOf is a variable in the first container of a template.
func envOf(template *corev1.PodTemplateSpec, name string) string {
	for _, variable := range template.Spec.Containers[0].Env {
		if variable.Name == name {
			return variable.Value
		}
	}
	return ""
}

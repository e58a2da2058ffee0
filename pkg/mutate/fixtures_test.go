package mutate_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

const (
	agent   = "system:serviceaccount:rcroll-system:rcroll-agent"
	webhook = "system:serviceaccount:rcroll-system:rcroll-webhook"
	hpa     = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
	user    = "alice"
	hashKey = api.DefaultHashLabelKey
)

var options = mutate.Options{
	HashLabelKey:        hashKey,
	AgentUser:           agent,
	WebhookUser:         webhook,
	AutoscalerUsers:     mutate.DefaultAutoscalerUsers,
	DeclarativeManagers: mutate.DefaultDeclarativeManagers,
}

// change edits the JSON of an object in place.
type change func(object map[string]any)

// tomcat is a ReplicationController as the API server would show it.
func tomcat(changes ...change) *unstructured.Unstructured {
	object := parse(`{
		"apiVersion": "v1", "kind": "ReplicationController",
		"metadata": {"name": "tomcat", "namespace": "default", "uid": "u1", "generation": 1,
			"resourceVersion": "10", "creationTimestamp": "2026-01-01T00:00:00Z"},
		"spec": {"replicas": 5, "selector": {"app": "tomcat"}, "template": {
			"metadata": {"labels": {"app": "tomcat"}},
			"spec": {"containers": [{"name": "tomcat", "image": "tomcat:7", "ports": [{"containerPort": 8080, "protocol": "TCP"}]}]}}}}`)
	return edit(&unstructured.Unstructured{Object: object}, changes...)
}

// edit is a changed copy.
func edit(object *unstructured.Unstructured, changes ...change) *unstructured.Unstructured {
	object = object.DeepCopy()
	for _, c := range changes {
		c(object.Object)
	}
	return object
}

func parse(text string) map[string]any {
	var object map[string]any
	if err := utiljson.Unmarshal([]byte(text), &object); err != nil {
		panic(err)
	}
	return object
}

// at is the map at a path, made where it is missing.
func at(object map[string]any, path ...string) map[string]any {
	for _, step := range path {
		child, ok := object[step].(map[string]any)
		if !ok {
			child = map[string]any{}
			object[step] = child
		}
		object = child
	}
	return object
}

func container(object map[string]any) map[string]any {
	return at(object, "spec", "template", "spec")["containers"].([]any)[0].(map[string]any)
}

func image(image string) change {
	return func(object map[string]any) { container(object)["image"] = image }
}

func env(key, value string) change {
	return func(object map[string]any) {
		list, _ := container(object)["env"].([]any)
		container(object)["env"] = append(list, map[string]any{"name": key, "value": value})
	}
}

func replicas(n int64) change {
	return func(object map[string]any) { at(object, "spec")["replicas"] = n }
}

func annotate(key, value string) change {
	return func(object map[string]any) { at(object, "metadata", "annotations")[key] = value }
}

func unannotate(key string) change {
	return func(object map[string]any) { delete(at(object, "metadata", "annotations"), key) }
}

func label(key, value string) change {
	return func(object map[string]any) { at(object, "metadata", "labels")[key] = value }
}

func templateLabel(key, value string) change {
	return func(object map[string]any) { at(object, "spec", "template", "metadata", "labels")[key] = value }
}

func selector(labels map[string]any) change {
	return func(object map[string]any) { at(object, "spec")["selector"] = maps.Clone(labels) }
}

// hashed gives the object the hash label of its own template.
func hashed(object map[string]any) {
	object["spec"] = map[string]any(specOf(object).Hashed(hashKey))
}

func specOf(object map[string]any) api.Spec {
	return api.SpecOf(&unstructured.Unstructured{Object: object})
}

// pending records a request, which is the object's own spec after the changes.
func pending(changes ...change) change {
	return func(object map[string]any) {
		request := api.SpecOf(edit(&unstructured.Unstructured{Object: object}, changes...)).Unlabelled(hashKey)
		annotate(api.RequestAnnotation, request.String())(object)
		label(api.RollingLabel, api.True)(object)
	}
}

// apply is what kubectl apply leaves in the annotation.
func apply(manifest string) change {
	return annotate("kubectl.kubernetes.io/last-applied-configuration", manifest)
}

// asManifest is the object without what only the server knows, as PUT sends it.
func asManifest(object map[string]any) {
	metadata := at(object, "metadata")
	for _, field := range []string{"uid", "generation", "creationTimestamp", "resourceVersion", "annotations", "labels", "managedFields"} {
		delete(metadata, field)
	}
}

// managed adds a field manager's entry.
func managed(manager, operation, fields string) change {
	return func(object map[string]any) {
		list, _ := at(object, "metadata")["managedFields"].([]any)
		at(object, "metadata")["managedFields"] = append(list, map[string]any{
			"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": parse(fields),
		})
	}
}

func unmanaged(object map[string]any) { delete(at(object, "metadata"), "managedFields") }

const (
	ownsImage            = `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"tomcat\"}":{"f:image":{}}}}}}}`
	ownsImageAndReplicas = `{"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"tomcat\"}":{"f:image":{}}}}}}}`
)

// requested is the request that a decision leaves in the object.
func requested(t *testing.T, decision mutate.Decision) api.Spec {
	t.Helper()
	text, ok := decision.Object.GetAnnotations()[api.RequestAnnotation]
	require.True(t, ok, "no request in %v", decision.Object)
	spec, err := api.ParseSpec(text)
	require.NoError(t, err)
	return spec
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// decide answers a question as an API server does that stores what is asked.
func decide(write mutate.Write, options mutate.Options) mutate.Decision {
	decision := mutate.Decide(write, options)
	if decision.Question != nil {
		write.Stored = api.SpecOf(decision.Question)
		decision = mutate.Decide(write, options)
	}
	return decision
}

func isAsked(write mutate.Write) bool { return mutate.Decide(write, options).Question != nil }

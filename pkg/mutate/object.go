package mutate

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

// name is how users name the object, which may not have its name yet.
func name(object *unstructured.Unstructured) string {
	return "rc/" + cmp.Or(object.GetName(), object.GetGenerateName())
}

// shallowCopy is a copy whose spec and metadata can be set; what is below them is shared
// with the object. A DeepCopy would copy templates and managed fields in every review.
func shallowCopy(object *unstructured.Unstructured) *unstructured.Unstructured {
	out := &unstructured.Unstructured{Object: maps.Clone(object.Object)}
	if metadata, ok := out.Object["metadata"].(map[string]any); ok {
		out.Object["metadata"] = maps.Clone(metadata)
	}
	return out
}

// setSpec does without the deep copy of unstructured.SetNestedMap: a Spec is never
// changed in place.
func setSpec(object *unstructured.Unstructured, spec api.Spec) {
	object.Object["spec"] = map[string]any(spec)
}

// annotation does not copy the others.
func annotation(object *unstructured.Unstructured, key string) (value string, found bool) {
	value, found, err := unstructured.NestedString(object.Object, "metadata", "annotations", key)
	return value, found && err == nil
}

func setAnnotation(object *unstructured.Unstructured, key, value string) {
	object.SetAnnotations(with(object.GetAnnotations(), key, value))
}

func removeAnnotations(object *unstructured.Unstructured, keys ...string) {
	found := func(key string) bool { _, found := annotation(object, key); return found }
	if !slices.ContainsFunc(keys, found) {
		return
	}
	object.SetAnnotations(without(object.GetAnnotations(), keys...))
}

func setLabel(object *unstructured.Unstructured, key, value string) {
	object.SetLabels(with(object.GetLabels(), key, value))
}

func removeLabel(object *unstructured.Unstructured, key string) {
	object.SetLabels(without(object.GetLabels(), key))
}

// with and without edit the copy that an accessor returned.
func with(entries map[string]string, key, value string) map[string]string {
	if entries == nil {
		entries = map[string]string{}
	}
	entries[key] = value
	return entries
}

func without(entries map[string]string, keys ...string) map[string]string {
	for _, key := range keys {
		delete(entries, key)
	}
	if len(entries) == 0 {
		return nil // The field goes, too.
	}
	return entries
}

// undone is what was written, with spec, labels and annotations as they were before.
func undone(write Write) *unstructured.Unstructured {
	object := shallowCopy(write.New)
	setSpec(object, api.SpecOf(write.Old))
	object.SetLabels(write.Old.GetLabels())
	object.SetAnnotations(write.Old.GetAnnotations())
	return object
}

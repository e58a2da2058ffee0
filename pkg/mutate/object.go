package mutate

import (
	"maps"

	"github.com/rcroll/rcroll/pkg/api"
)

// name is how users name the object.
func name(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	text, _ := metadata["name"].(string)
	return "rc/" + text
}

// entries are the labels or annotations of an object.
func entries(object map[string]any, kind string) map[string]any {
	metadata, _ := object["metadata"].(map[string]any)
	found, _ := metadata[kind].(map[string]any)
	return found
}

func stringEntries(object map[string]any, kind string) map[string]string {
	out := map[string]string{}
	for key, value := range entries(object, kind) {
		out[key], _ = value.(string)
	}
	return out
}

func annotation(object map[string]any, key string) (string, bool) {
	value, found := entries(object, "annotations")[key].(string)
	return value, found
}

// setEntry sets a label or annotation of an object that may be changed.
func setEntry(object map[string]any, kind, key, value string) {
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		object["metadata"] = metadata
	}
	found, ok := metadata[kind].(map[string]any)
	if !ok {
		found = map[string]any{}
		metadata[kind] = found
	}
	found[key] = value
}

// deleteEntry removes a label or annotation of an object that may be changed.
func deleteEntry(object map[string]any, kind, key string) {
	found := entries(object, kind)
	delete(found, key)
	if found != nil && len(found) == 0 {
		delete(object["metadata"].(map[string]any), kind)
	}
}

func setSpec(object map[string]any, spec api.Spec) { object["spec"] = map[string]any(spec) }

// editable is a copy whose spec, labels and annotations can be set; what is below
// them, and everything else, is shared with the object.
func editable(object map[string]any) map[string]any {
	out := maps.Clone(object)
	metadata, ok := out["metadata"].(map[string]any)
	if !ok {
		return out
	}
	metadata = maps.Clone(metadata)
	out["metadata"] = metadata
	for _, kind := range []string{"labels", "annotations"} {
		if found, ok := metadata[kind].(map[string]any); ok {
			metadata[kind] = maps.Clone(found)
		}
	}
	return out
}

package api

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// TemplateDifferences are the paths of the fields in which the pod templates of the two
// specs differ, whatever labels rcroll put on them; limit bounds their number.
func (s Spec) TemplateDifferences(other Spec, hashKey string, limit int) []string {
	paths := differences("spec.template", any(s.Unlabelled(hashKey).template()), any(other.Unlabelled(hashKey).template()))
	if len(paths) > limit {
		paths = append(paths[:limit:limit], "…")
	}
	return paths
}

// differences descends as long as both values have the same form.
func differences(path string, a, b any) []string {
	if reflect.DeepEqual(a, b) {
		return nil
	}
	a, b = orEmpty(a, b), orEmpty(b, a)
	var paths []string
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return []string{path}
		}
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			paths = append(paths, differences(path+"."+key, a[key], b[key])...)
		}
		return paths
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return []string{path}
		}
		for i := range a {
			paths = append(paths, differences(fmt.Sprintf("%s[%d]", path, i), a[i], b[i])...)
		}
		return paths
	}
	return []string{path}
}

// orEmpty is an empty map where there is nothing beside a map: then its keys differ.
func orEmpty(value, other any) any {
	if _, isMap := other.(map[string]any); isMap && value == nil {
		return map[string]any{}
	}
	return value
}

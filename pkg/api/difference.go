package api

import (
	"fmt"
	"maps"
	"slices"
)

// Difference is a field in which two specs differ. A value is nil where there is none.
type Difference struct {
	Path     string
	From, To any
}

// TemplateDifferences are the paths of the fields in which the pod templates of the two
// specs differ, whatever labels rcroll put on them; limit bounds their number.
func (s Spec) TemplateDifferences(other Spec, hashKey string, limit int) []string {
	var paths []string
	for _, difference := range s.TemplateChanges(other, hashKey) {
		paths = append(paths, difference.Path)
	}
	if len(paths) > limit {
		paths = append(paths[:limit:limit], "…")
	}
	return paths
}

// TemplateChanges are the differences of the other spec's template from that of s.
func (s Spec) TemplateChanges(other Spec, hashKey string) []Difference {
	return differences("spec.template", any(s.Unlabelled(hashKey).template()), any(other.Unlabelled(hashKey).template()))
}

// differences descends as long as both values have the same form.
func differences(path string, a, b any) []Difference {
	if Same(a, b) {
		return nil
	}
	whole := []Difference{{Path: path, From: a, To: b}}
	a, b = orEmpty(a, b), orEmpty(b, a)
	var found []Difference
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return whole
		}
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			found = append(found, differences(path+"."+key, a[key], b[key])...)
		}
		return found
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return whole
		}
		for i := range a {
			found = append(found, differences(fmt.Sprintf("%s[%d]", path, i), a[i], b[i])...)
		}
		return found
	}
	return whole
}

// orEmpty is an empty map where there is nothing beside a map: then its keys differ.
func orEmpty(value, other any) any {
	if _, isMap := other.(map[string]any); isMap && value == nil {
		return map[string]any{}
	}
	return value
}

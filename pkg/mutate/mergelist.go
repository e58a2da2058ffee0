package mutate

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// elements are those of a list by their keys, which are in the order of the list.
type elements struct {
	keys  []string
	byKey map[string]map[string]any
}

// elementsOf fails if two elements have the same key: which one a change is about
// cannot be told.
func elementsOf(list []any, path *field.Path, schema schema) (elements, error) {
	e := elements{byKey: make(map[string]map[string]any, len(list))}
	for _, item := range list {
		element, _ := item.(map[string]any)
		key := keyOf(element, schema.keys)
		if _, repeated := e.byKey[key]; repeated {
			return e, errRepeatedKey(path.Key(key))
		}
		e.keys, e.byKey[key] = append(e.keys, key), element
	}
	return e, nil
}

// keyOf is the key as it is written in the path of a field: the name alone, or
// containerPort=53,protocol=UDP.
func keyOf(element map[string]any, fields []string) string {
	if len(fields) == 1 {
		return fmt.Sprint(element[fields[0]])
	}
	parts := make([]string, len(fields))
	for i, name := range fields {
		parts[i] = fmt.Sprintf("%s=%v", name, element[name])
	}
	return strings.Join(parts, ",")
}

// mergeLists merges lists whose elements have keys. An element that the write added or
// changed is in the result, even if it was pending to be removed; one that it removed
// is not, whatever else was requested of it.
func mergeLists(live, wanted, pending []any, path *field.Path, schema schema) (any, error) {
	var lists [3]elements
	for i, list := range [][]any{live, wanted, pending} {
		var err error
		if lists[i], err = elementsOf(list, path, schema); err != nil {
			return nil, err
		}
	}
	before, after, requested := lists[0], lists[1], lists[2]
	leading, other := requested, after
	if reorders(before, after) {
		leading, other = after, requested
	}
	var merged []any
	for _, key := range interleave(leading, other) {
		value, err := change{before.get(key), after.get(key), requested.get(key)}.merge(path.Key(key), schema.element())
		if err != nil {
			return nil, err
		}
		if value != nil {
			merged = append(merged, value)
		}
	}
	if len(merged) == 0 {
		return nil, nil // as the API server stores it
	}
	return merged, nil
}

// get is an element as a value: nil, and no nil map, if there is none.
func (e elements) get(key string) any {
	element, found := e.byKey[key]
	if !found {
		return nil
	}
	return element
}

// reorders reports whether elements that are in both lists stand in another order.
func reorders(before, after elements) bool {
	position := make(map[string]int, len(after.keys))
	for i, key := range after.keys {
		position[key] = i
	}
	last := -1
	for _, key := range before.keys {
		i, kept := position[key]
		if !kept {
			continue
		}
		if i < last {
			return true
		}
		last = i
	}
	return false
}

// interleave returns the keys of both lists in the order of the leading one. What only
// the other one has stands before what follows it there; at the end if that is nothing.
func interleave(leading, other elements) []string {
	before := map[string][]string{}
	var run []string
	for _, key := range other.keys {
		if _, leads := leading.byKey[key]; !leads {
			run = append(run, key)
			continue
		}
		before[key], run = run, nil
	}
	keys := make([]string, 0, len(leading.keys)+len(other.keys))
	for _, key := range leading.keys {
		keys = append(append(keys, before[key]...), key)
	}
	return append(keys, run...)
}

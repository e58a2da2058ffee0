package mutate

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rcroll/rcroll/pkg/api"
)

// merge adds what an imperative write changed in the live spec to the pending request,
// so that a set env and a set image in a row add up. Structures are merged field by
// field and lists by the keys of their elements, as far down as both sides changed
// something; what only one of them changed is taken from that one as it is. So what
// the write changed is in the result exactly as it was sent, or the merge fails.
//
// It is no strategic merge patch: the merge keys of those are not unique (a
// ContainerPort's is the number alone, whatever the protocol), so that a patch may
// change another element than the one that was meant; and they take time quadratic in
// the length of a list.
func merge(live, wanted, pending api.Spec) (api.Spec, error) {
	// Nothing to add, or nothing that is not there: the merge would say the same.
	if live.Equal(wanted) || pending.Equal(wanted) {
		return pending, nil
	}
	merged, err := change{live: map[string]any(live), wanted: map[string]any(wanted), pending: map[string]any(pending)}.
		merge(specPath, specSchema)
	if err != nil {
		return nil, err
	}
	spec, _ := merged.(map[string]any)
	return api.Spec(spec), nil
}

// change is a value that is live, as a write wants it, and as it is requested; nil
// where it is absent.
type change struct{ live, wanted, pending any }

// merge returns the value to request, nil for none. Where there is nothing to merge,
// because the write removed the value or it is one in itself (a string, a list of
// arguments), the last write wins.
func (c change) merge(path *field.Path, schema schema) (any, error) {
	switch {
	case api.Same(c.live, c.wanted):
		return c.pending, nil
	case api.Same(c.live, c.pending), api.Same(c.wanted, c.pending):
		return c.wanted, nil
	case schema.isList():
		if live, wanted, pending, ok := split[[]any](c, true); ok {
			return mergeLists(live, wanted, pending, path, schema)
		}
	default:
		if live, wanted, pending, ok := split[map[string]any](c, schema.isMap()); ok {
			return mergeMaps(live, wanted, pending, path, schema)
		}
	}
	return c.wanted, nil
}

// split reports whether a change is one of values of that type. What is absent from
// the live spec counts as empty; elsewhere it does if the API server drops empty
// values of the type. An absent structure was removed.
func split[T []any | map[string]any](c change, dropsEmpty bool) (live, wanted, pending T, ok bool) {
	cast := func(value any, optional bool) T {
		typed, isTyped := value.(T)
		ok = ok && (isTyped || value == nil && optional)
		return typed
	}
	ok = true
	live, wanted, pending = cast(c.live, true), cast(c.wanted, dropsEmpty), cast(c.pending, dropsEmpty)
	return live, wanted, pending, ok
}

func mergeMaps(live, wanted, pending map[string]any, path *field.Path, schema schema) (any, error) {
	merged := map[string]any{}
	add := func(key string) error {
		at := path.Child(key)
		if schema.isMap() {
			at = path.Key(key)
		}
		value, err := change{live[key], wanted[key], pending[key]}.merge(at, schema.field(key))
		if value != nil {
			merged[key] = value
		}
		return err
	}
	// In order, so that of several problems always the same is told.
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if err := add(key); err != nil {
			return nil, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(pending)) {
		if _, done := wanted[key]; done || schema.union {
			continue // Of a union, the member that the write left out was replaced by another.
		}
		if err := add(key); err != nil {
			return nil, err
		}
	}
	if len(merged) == 0 && schema.isMap() {
		return nil, nil // as the API server stores it
	}
	return merged, nil
}

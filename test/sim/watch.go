package sim

import (
	"maps"
	"slices"
)

// object is what can be watched.
type object interface {
	*RC | *Pod
	key() string
	identity() string
	hash() uint64
}

// event is one change as a watch tells it. For an object that is gone, or left the
// selector of the watch, before is the last that the store knew of it.
type event[T object] struct {
	object T
	gone   bool
}

// informer is a watch and the cache that it fills. What the store wrote and the
// watch has not delivered is pending.
type informer[T object] struct {
	selects func(T) bool
	cache   map[string]T
	pending []event[T]
}

func newInformer[T object](selects func(T) bool) *informer[T] {
	return &informer[T]{selects: selects, cache: map[string]T{}}
}

// notify queues a write: before is nil for an object that is new, after for one
// that is gone.
func (i *informer[T]) notify(before, after T) {
	had, has := before != nil && i.selects(before), after != nil && i.selects(after)
	switch {
	case has:
		i.pending = append(i.pending, event[T]{object: after})
	case had && after != nil:
		i.pending = append(i.pending, event[T]{object: after, gone: true})
	case had:
		i.pending = append(i.pending, event[T]{object: before, gone: true})
	}
}

// deliver takes the pending event at a position to the cache, and returns what the
// cache knew before. There must be no earlier event of the same object.
func (i *informer[T]) deliver(at int) (before, after T, gone bool) {
	e := i.pending[at]
	i.pending = slices.Delete(slices.Clone(i.pending), at, at+1)
	key := e.object.key()
	before = i.cache[key]
	if e.gone {
		delete(i.cache, key)
	} else {
		i.cache[key] = e.object
	}
	return before, e.object, e.gone
}

// relist forgets what is pending, and makes of the difference between the cache and
// the store the events that a new list does: what happened in between is never told.
// An object that was replaced by another one of the same name is an update.
func (i *informer[T]) relist(store map[string]T) {
	i.pending = nil
	for _, key := range slices.Sorted(maps.Keys(store)) {
		known, found := i.cache[key]
		if i.selects(store[key]) && (!found || known != store[key]) {
			i.pending = append(i.pending, event[T]{object: store[key]})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(i.cache)) {
		if now, found := store[key]; !found || !i.selects(now) {
			i.pending = append(i.pending, event[T]{object: i.cache[key], gone: true})
		}
	}
}

// sync fills the cache from the store, as a first list does that is answered by the
// latest state.
func (i *informer[T]) sync(store map[string]T) {
	i.pending = nil
	i.cache = map[string]T{}
	for key, object := range store {
		if i.selects(object) {
			i.cache[key] = object
		}
	}
}

func (i *informer[T]) clone() *informer[T] {
	return &informer[T]{selects: i.selects, cache: maps.Clone(i.cache), pending: slices.Clip(i.pending)}
}

// transition is an entry of the history of the store.
type transition[T object] struct {
	before, after T
}

// snapshot is the cache as it is now.
func (i *informer[T]) snapshot() map[string]T { return maps.Clone(i.cache) }

// inOrder are the objects by name.
func inOrder[T object](objects map[string]T) []T {
	sorted := make([]T, 0, len(objects))
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		sorted = append(sorted, objects[key])
	}
	return sorted
}

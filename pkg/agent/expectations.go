package agent

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// expectations remember the agent's own writes to the objects of one rollout, by name,
// until the cache shows them. A pass that decided on a cache without them would spend
// the same budget twice: two scale-downs of different members, each harmless, are
// together one too many. They are nil until the first write, and not nil afterwards,
// even if nothing is expected any more, unless they are lost.
//
// controller-runtime's read-your-writes client is not used, for it waits by kind: a
// list of the members of one rollout waits for the writes of all others, and with
// them for a webhook call of theirs that hangs. It holds a worker meanwhile, and
// after a re-list it takes the highest resource version seen for proof that all
// lower ones were.
type expectations map[string]expectation

// expectation is the last write to an object.
type expectation struct {
	uid types.UID

	// version is the resource version that the write produced; empty if it was a
	// deletion, which is seen when the object is gone or marked.
	version string

	// created is set if the cache may never have known the object: only then does
	// its absence not prove that it was deleted.
	created bool
}

// lose forgets all, when a write may have had an effect or not: what the API server has
// must be compared then, as if another process had written it.
func (e *expectations) lose() { *e = nil }

// hasWritten reports whether this process remembers what it has written of the rollout.
func (e expectations) hasWritten() bool { return e != nil }

// wrote records an object as the API server returned it from a write.
func (e *expectations) wrote(object client.Object, created bool) {
	e.set(object.GetName(), expectation{uid: object.GetUID(), version: object.GetResourceVersion(), created: created})
}

// deleted records a deletion.
func (e *expectations) deleted(name string, uid types.UID) { e.set(name, expectation{uid: uid}) }

func (e *expectations) set(name string, expected expectation) {
	if *e == nil {
		*e = expectations{}
	}
	(*e)[name] = expected
}

// settle drops the expectation of one object, when the API server itself says that
// it is gone.
func (e expectations) settle(name string) { delete(e, name) }

// unseen compares with the cached objects by name. It drops what they show, and
// returns the names of those that they do not show yet; created are those among
// them that the cache does not know at all.
func (e expectations) unseen(cached map[string]client.Object) (behind, created []string) {
	for name, expected := range e {
		object, found := cached[name]
		switch {
		case !found && expected.created:
			created = append(created, name)
		case found && !expected.shownBy(object):
			behind = append(behind, name)
		default:
			delete(e, name)
		}
	}
	return behind, created
}

// shownBy reports whether the object is as the write left it, or later. Versions are
// compared whatever the UID, for one name may be used again.
func (x expectation) shownBy(object client.Object) bool {
	if x.version == "" {
		return object.GetUID() != x.uid || object.GetDeletionTimestamp() != nil
	}
	order, err := resourceversion.CompareResourceVersion(object.GetResourceVersion(), x.version)
	// Versions that cannot be compared are opaque: the same one at least is seen.
	return err == nil && order >= 0 || object.GetResourceVersion() == x.version
}

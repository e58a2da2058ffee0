package agent

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// expectations remember the agent's own writes until the cache shows them. A pass
// that planned from a cache without them would spend the same budget twice: two
// scale-downs of different members, each harmless, are together one too many.
//
// controller-runtime's read-your-writes client is not used, for it waits by kind: a
// list of the members of one rollout waits for the writes of all others, and with
// them for a webhook call of theirs that hangs. It holds a worker meanwhile, and
// after a re-list it takes the highest resource version seen for proof that all
// lower ones were.
type expectations struct {
	mu sync.Mutex

	// byRC is keyed by the RC of the rollout, then by the object written. A rollout
	// that this process has written to has an entry, even if that expects nothing.
	byRC map[types.NamespacedName]map[string]expectation
}

// expectation is the last write to an object.
type expectation struct {
	uid types.UID

	// version is the resource version that the write produced; empty if it was a
	// deletion, which is seen when the object is gone or marked.
	version string

	// created tells that the cache may never have known the object: only then does
	// its absence not prove that it was deleted.
	created bool
}

func newExpectations() *expectations {
	return &expectations{byRC: map[types.NamespacedName]map[string]expectation{}}
}

// wrote records an object as the API server returned it from a write.
func (e *expectations) wrote(rc types.NamespacedName, object client.Object, created bool) {
	e.set(rc, object.GetName(), expectation{uid: object.GetUID(), version: object.GetResourceVersion(), created: created})
}

// deleted records a deletion.
func (e *expectations) deleted(rc types.NamespacedName, name string, uid types.UID) {
	e.set(rc, name, expectation{uid: uid})
}

func (e *expectations) set(rc types.NamespacedName, name string, expected expectation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byRC[rc] == nil {
		e.byRC[rc] = map[string]expectation{}
	}
	e.byRC[rc][name] = expected
}

// began tells whether this process has written anything of a rollout.
func (e *expectations) began(rc types.NamespacedName) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.byRC[rc] != nil
}

// forget drops what was expected of a rollout that is over.
func (e *expectations) forget(rc types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.byRC, rc)
}

// settle drops the expectation of one object, when the API server itself says that
// it is gone.
func (e *expectations) settle(rc types.NamespacedName, name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.byRC[rc], name)
}

// unseen compares with the cached objects by name. It drops what they show, and
// returns the names of those that they do not show yet; created are those among
// them that the cache does not know at all.
func (e *expectations) unseen(rc types.NamespacedName, cached map[string]client.Object) (behind, created []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, expected := range e.byRC[rc] {
		object, found := cached[name]
		switch {
		case !found && expected.created:
			created = append(created, name)
		case found && !expected.shownBy(object):
			behind = append(behind, name)
		default:
			delete(e.byRC[rc], name)
		}
	}
	return behind, created
}

// shownBy tells that the object is as the write left it, or later. Versions are
// compared whatever the UID, for one name may be used again.
func (x expectation) shownBy(object client.Object) bool {
	if x.version == "" {
		return object.GetUID() != x.uid || object.GetDeletionTimestamp() != nil
	}
	order, err := resourceversion.CompareResourceVersion(object.GetResourceVersion(), x.version)
	// Versions that cannot be compared are opaque: the same one at least is seen.
	return err == nil && order >= 0 || object.GetResourceVersion() == x.version
}

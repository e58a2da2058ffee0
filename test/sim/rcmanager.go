package sim

import (
	"maps"
	"slices"
	"time"
)

// rcManager is the ReplicationController controller of kube-controller-manager: a
// cache of ReplicationControllers and one of pods that lag behind independently,
// a queue, a sync per object, and expectations.
type rcManager struct {
	rcs  *informer[*RC]
	pods *informer[*Pod]

	// queue are the names to sync; retries are those to sync again at a time.
	queue   map[string]bool
	retries map[string]time.Duration

	// expect are creations and deletions that the pod cache has yet to show, by
	// the name of the ReplicationController.
	expect map[string]expectation

	// syncs are under way, by name.
	syncs map[string]*rcSync
}

// expectation is never changed in place.
type expectation struct {
	creates int
	deletes []string
	since   time.Duration
}

func (e expectation) fulfilled() bool { return e.creates <= 0 && len(e.deletes) == 0 }

// expectationTimeout is after what time the manager stops waiting.
const expectationTimeout = 5 * time.Minute

// retryDelay is after what time a failed sync is tried again.
const retryDelay = 20 * time.Millisecond

func newRCManager() *rcManager {
	return &rcManager{
		rcs:   newInformer(func(*RC) bool { return true }),
		pods:  newInformer(func(*Pod) bool { return true }),
		queue: map[string]bool{}, retries: map[string]time.Duration{},
		expect: map[string]expectation{}, syncs: map[string]*rcSync{},
	}
}

func (m *rcManager) clone() *rcManager {
	c := &rcManager{
		rcs: m.rcs.clone(), pods: m.pods.clone(), queue: maps.Clone(m.queue), retries: maps.Clone(m.retries),
		expect: maps.Clone(m.expect), syncs: maps.Clone(m.syncs),
	}
	for name, sync := range c.syncs {
		copied := *sync
		c.syncs[name] = &copied
	}
	return c
}

// seeRC delivers a pending event of a ReplicationController.
func (m *rcManager) seeRC(at int) {
	before, rc, gone := m.rcs.deliver(at)
	if gone || before != nil && before.uid != rc.uid {
		delete(m.expect, rc.name)
	}
	m.queue[rc.name] = true
}

// seePod delivers a pending event of a pod.
func (m *rcManager) seePod(at int) {
	before, pod, gone := m.pods.deliver(at)
	switch {
	case gone:
		m.podGone(pod)
		return
	case before == nil && pod.deleting:
		m.podGone(pod)
		return
	case before == nil:
		if m.enqueueOwner(pod.owner) {
			m.observeCreation(pod.owner.name)
		}
	case pod.deleting:
		m.podGone(pod)
		return
	case before.owner != pod.owner:
		m.enqueueOwner(before.owner)
		m.enqueueOwner(pod.owner)
	default:
		m.enqueueOwner(pod.owner)
	}
	if pod.owner.uid != "" {
		return
	}
	for name, rc := range m.rcs.cache {
		if rc.selects(pod.labels) {
			m.queue[name] = true
		}
	}
}

func (m *rcManager) podGone(pod *Pod) {
	if !m.enqueueOwner(pod.owner) {
		return
	}
	e, found := m.expect[pod.owner.name]
	if !found || !slices.Contains(e.deletes, pod.name) {
		return
	}
	e.deletes = slices.DeleteFunc(slices.Clone(e.deletes), func(name string) bool { return name == pod.name })
	m.expect[pod.owner.name] = e
}

func (m *rcManager) observeCreation(name string) {
	if e, found := m.expect[name]; found && e.creates > 0 {
		e.creates--
		m.expect[name] = e
	}
}

func (m *rcManager) enqueueOwner(owner reference) bool {
	rc := m.rcs.cache[owner.name]
	if rc == nil || rc.uid != owner.uid {
		return false
	}
	m.queue[owner.name] = true
	return true
}

// satisfied reports whether the pod cache shows what the manager did.
func (m *rcManager) satisfied(name string, now time.Duration) bool {
	e, found := m.expect[name]
	return !found || e.fulfilled() || now-e.since > expectationTimeout
}

// podsOf are the active cached pods that a ReplicationController owns or may adopt,
// by name.
func (m *rcManager) podsOf(rc *RC) (owned, orphans []*Pod) {
	for _, pod := range inOrder(m.pods.cache) {
		switch {
		case !pod.active():
		case pod.owner.uid == rc.uid:
			owned = append(owned, pod)
		case pod.owner.uid == "" && rc.selects(pod.labels):
			orphans = append(orphans, pod)
		}
	}
	return owned, orphans
}

// doomed are the pods that a ReplicationController deletes first: not ready ones,
// then those that are ready for less time, then newer ones.
func doomed(pods []*Pod, n int) []string {
	ranked := slices.Clone(pods)
	slices.SortStableFunc(ranked, func(a, b *Pod) int {
		switch {
		case a.ready != b.ready:
			if b.ready {
				return -1
			}
			return 1
		case a.ready && a.readySet != b.readySet:
			return int(b.readySet - a.readySet)
		}
		return int(b.created - a.created)
	})
	var names []string
	for _, pod := range ranked[:min(n, len(ranked))] {
		names = append(names, pod.name)
	}
	return names
}

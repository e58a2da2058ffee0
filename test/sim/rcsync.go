package sim

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// rcSync is a sync of one ReplicationController under way. It was begun with what
// the caches showed; each step of it is one write.
type rcSync struct {
	rc *RC

	// needed: expectations were satisfied when it began.
	needed bool

	// active are the pods that count, claims those still to adopt or to release.
	// Slices are not changed in place.
	active, claims []*Pod

	// mayAdopt: the API server said that the object is still the same and is not being
	// deleted. failed: a claim or a creation failed.
	mayAdopt, failed bool

	// create and remove are the writes to come; batch is how many creations of the
	// present batch are left, size its size, succeeded how many were made in all.
	planned                        bool
	create, batch, size, succeeded int
	remove                         []string

	// report is the status to write, under the version of an object.
	report  map[string]any
	version string
	retried bool
}

// beginSync takes a name from the queue. It returns at the first write, or ends at
// once if there is none.
func (m *rcManager) beginSync(w *World, name string) {
	delete(m.queue, name)
	delete(m.retries, name)
	rc := m.rcs.cache[name]
	if rc == nil {
		delete(m.expect, name)
		return
	}
	s := &rcSync{rc: rc, needed: m.satisfied(name, w.now)}
	if !s.needed {
		// Events that a new list swallowed never come.
		m.retries[name] = m.expect[name].since + expectationTimeout + 1
	}
	owned, orphans := m.podsOf(rc)
	for _, pod := range owned {
		switch {
		case rc.selects(pod.labels):
			s.active = append(s.active, pod)
		case !rc.deleting:
			s.claims = append(s.claims, pod)
		}
	}
	if !rc.deleting {
		s.claims = append(s.claims, orphans...)
	}
	m.syncs[name] = s
	m.proceed(w, s)
}

// proceed plans what follows from what was done, up to the next write.
func (m *rcManager) proceed(w *World, s *rcSync) {
	if len(s.claims) > 0 {
		return
	}
	if !s.planned && s.failed {
		m.end(w, s, true)
		return
	}
	if !s.planned {
		s.planned = true
		m.planPods(w, s)
	}
	if s.create > 0 || len(s.remove) > 0 {
		return
	}
	if s.report == nil {
		s.report, s.version = s.newStatus(), strconv.FormatInt(s.rc.version, 10)
		if sameStatus(s.report, s.rc) {
			m.end(w, s, s.failed)
		}
	}
}

// planPods decides how many pods to create or which to delete.
func (m *rcManager) planPods(w *World, s *rcSync) {
	if !s.needed || s.rc.deleting {
		return
	}
	switch missing := int(s.rc.replicas) - len(s.active); {
	case missing > 0:
		s.create, s.batch, s.size = missing, 1, 1
		m.expect[s.rc.name] = expectation{creates: missing, since: w.now}
	case missing < 0:
		s.remove = doomed(s.active, -missing)
		m.expect[s.rc.name] = expectation{deletes: s.remove, since: w.now}
	}
}

// end finishes a sync.
func (m *rcManager) end(w *World, s *rcSync, retry bool) {
	delete(m.syncs, s.rc.name)
	if retry {
		m.retries[s.rc.name] = w.now + retryDelay
	}
}

// stepSync makes the next write of a sync.
func (m *rcManager) stepSync(w *World, name string) {
	s := m.syncs[name]
	switch {
	case len(s.claims) > 0:
		m.claim(w, s)
	case s.create > 0:
		m.create(w, s)
	case len(s.remove) > 0:
		m.remove(w, s)
	default:
		m.reportStatus(w, s)
		return
	}
	m.proceed(w, s)
}

// claim adopts or releases a pod. Before the first adoption the API server is asked
// for the object, as a step of its own.
func (m *rcManager) claim(w *World, s *rcSync) {
	pod := s.claims[0]
	if pod.owner.uid == "" && !s.mayAdopt {
		live := w.rcs[s.rc.name]
		if live == nil || live.uid != s.rc.uid || live.deleting {
			s.failed = true
			s.claims = slices.DeleteFunc(slices.Clone(s.claims), func(p *Pod) bool { return p.owner.uid == "" })
			return
		}
		s.mayAdopt = true
		return
	}
	s.claims = s.claims[1:]
	live := w.pods[pod.name]
	switch {
	case live == nil || live.uid != pod.uid:
		// Not found: no longer of interest.
	case pod.owner.uid != "":
		if live.owner.uid == s.rc.uid {
			w.tell("%s releases %s", s.rc.name, pod.name)
			w.updatePod(live, func(p *Pod) { p.owner = reference{} })
		}
	case live.owner.uid != "" && live.owner.uid != s.rc.uid:
		s.failed = true // only one controller is allowed
	default:
		w.tell("%s adopts %s", s.rc.name, pod.name)
		if live.owner.uid == "" {
			w.updatePod(live, func(p *Pod) { p.owner = reference{name: s.rc.name, uid: s.rc.uid} })
		}
		s.active = append(slices.Clip(s.active), pod)
	}
}

// create makes one pod. Batches double as long as nothing fails, and the pods that
// are given up are no longer expected.
func (m *rcManager) create(w *World, s *rcSync) {
	pod, err := w.createPod(s.rc)
	s.batch--
	if err != nil {
		w.tell("%s cannot create a pod: %v", s.rc.name, err)
		s.failed = true
	} else {
		w.tell("%s creates %s", s.rc.name, pod.name)
		s.succeeded++
	}
	if s.batch > 0 {
		return
	}
	left := s.create - s.size
	if s.failed || left <= 0 {
		missed := int(s.rc.replicas) - len(s.active) - s.succeeded
		for range missed {
			m.observeCreation(s.rc.name)
		}
		s.create = 0
		return
	}
	s.create, s.size = left, min(2*s.size, left)
	s.batch = s.size
}

// remove deletes one pod, whatever became of it.
func (m *rcManager) remove(w *World, s *rcSync) {
	name := s.remove[0]
	s.remove = s.remove[1:]
	w.tell("%s deletes %s", s.rc.name, name)
	if err := w.deletePod(name, preconditions{}); err != nil {
		if e, found := m.expect[s.rc.name]; found {
			e.deletes = slices.DeleteFunc(slices.Clone(e.deletes), func(n string) bool { return n == name })
			m.expect[s.rc.name] = e
		}
	}
}

// newStatus counts the pods that the sync knew when it began.
func (s *rcSync) newStatus() map[string]any {
	status := map[string]any{"replicas": int64(len(s.active)), "observedGeneration": s.rc.generation}
	var ready, labelled int64
	for _, pod := range s.active {
		if pod.ready {
			ready++
		}
		if hasLabels(pod.labels, s.rc.labels) {
			labelled++
		}
	}
	for key, n := range map[string]int64{"readyReplicas": ready, "availableReplicas": ready, "fullyLabeledReplicas": labelled} {
		if n > 0 {
			status[key] = n
		}
	}
	old, _ := s.rc.object["status"].(map[string]any)
	var conditions []any
	list, _ := old["conditions"].([]any)
	for _, item := range list {
		if item.(map[string]any)["type"] != "ReplicaFailure" {
			conditions = append(conditions, item)
		}
	}
	if s.failed {
		conditions = append(conditions, map[string]any{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"})
	}
	if len(conditions) > 0 {
		status["conditions"] = conditions
	}
	return status
}

// sameStatus reports whether there is nothing to report.
func sameStatus(report map[string]any, rc *RC) bool {
	old, _ := rc.object["status"].(map[string]any)
	return reflect.DeepEqual(report, old)
}

func hasLabels(labels, wanted map[string]string) bool {
	for key, value := range wanted {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// reportStatus writes the status, as a whole: the real one, too, overwrites what
// others wrote meanwhile when it repeats a write that met a conflict.
func (m *rcManager) reportStatus(w *World, s *rcSync) {
	_, err := w.updateStatus(s.rc.name, preconditions{uid: s.rc.uid, version: s.version}, func(status map[string]any) {
		clear(status)
		maps.Copy(status, s.report)
	})
	live := w.rcs[s.rc.name]
	if err != nil && live != nil && !s.retried {
		s.retried = true
		s.version = strconv.FormatInt(live.version, 10)
		return
	}
	if err == nil {
		w.tell("%s reports %d pods, %d available, generation %d", s.rc.name,
			s.report["replicas"], orZero(s.report["availableReplicas"]), s.rc.generation)
	}
	m.end(w, s, s.failed || err != nil)
}

func orZero(value any) any {
	if value == nil {
		return 0
	}
	return value
}

package sim

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// collector is the garbage collector. Of pods it knows what its own watch told it.
// Owners it looks up at the API server, as the real one does before it deletes
// anything; that it is slow to begin is up to the scheduler.
type collector struct {
	pods *informer[*Pod]

	// orphaning is the work begun on owners that go without their dependents, by
	// UID: the dependents that were known at the beginning and are still to do.
	orphaning map[string][]string
}

func newCollector() *collector {
	return &collector{pods: newInformer(func(*Pod) bool { return true }), orphaning: map[string][]string{}}
}

func (g *collector) clone() *collector {
	return &collector{pods: g.pods.clone(), orphaning: maps.Clone(g.orphaning)}
}

// orphanOwner takes the next step of a deletion that leaves the dependents: take
// stock of them, free one, or let the owner go.
func (g *collector) orphanOwner(w *World, name string) {
	owner := w.rcs[name]
	left, begun := g.orphaning[owner.uid]
	switch {
	case !begun:
		g.orphaning[owner.uid] = g.dependents(w, owner)
		w.tell("the garbage collector is to free %v", g.orphaning[owner.uid])
	case len(left) > 0:
		g.orphaning[owner.uid] = left[1:]
		g.free(w, left[0], owner.uid)
	default:
		delete(g.orphaning, owner.uid)
		w.tell("the garbage collector lets %s go", name)
		object := owner.copy()
		setFinalizers(object["metadata"].(map[string]any), slices.DeleteFunc(slices.Clone(owner.finalizers),
			func(f string) bool { return f == orphanFinalizer }))
		w.replaceRC(owner, object)
	}
}

// knows is what the simulation takes for granted: the garbage collector hears of a
// pod before that pod is ready and the deletion of its owner is asked for. It has no
// means to make sure of that itself, nor has rcroll: see README.md.
func (g *collector) knows(owner *RC) bool {
	for _, e := range g.pods.pending {
		if known := g.pods.cache[e.object.name]; known == nil && e.object.owner.uid == owner.uid && !e.gone {
			return false
		}
	}
	return true
}

// dependents are the pods and the ReplicationControllers of an owner, the latter
// with a prefix.
func (g *collector) dependents(w *World, owner *RC) []string {
	names := []string{}
	for _, pod := range inOrder(g.pods.cache) {
		if pod.owner.uid == owner.uid {
			names = append(names, pod.name)
		}
	}
	for _, rc := range w.rcsInOrder() {
		if rc.owner.uid == owner.uid {
			names = append(names, rcPrefix+rc.name)
		}
	}
	return names
}

const rcPrefix = "rc/"

func (g *collector) free(w *World, dependent, owner string) {
	w.tell("the garbage collector frees %s", dependent)
	if name, isRC := strings.CutPrefix(dependent, rcPrefix); isRC {
		if rc := w.rcs[name]; rc != nil && rc.owner.uid == owner {
			object := rc.copy()
			delete(object["metadata"].(map[string]any), "ownerReferences")
			w.replaceRC(rc, object)
		}
		return
	}
	if pod := w.pods[dependent]; pod != nil && pod.owner.uid == owner {
		w.updatePod(pod, func(p *Pod) { p.owner = reference{} })
	}
}

// collectPod deletes a pod whose owner is gone, or is being deleted in the
// foreground.
func (g *collector) collectPod(w *World, name string) {
	pod := w.pods[name]
	w.tell("the garbage collector deletes %s", name)
	_ = w.deletePod(name, preconditions{uid: pod.uid, version: strconv.FormatInt(pod.version, 10)})
}

// collectRC does the same with a ReplicationController.
func (g *collector) collectRC(w *World, name string) {
	rc, policy := w.rcs[name], metav1.DeletePropagationBackground
	if owner := w.rcs[rc.owner.name]; owner != nil && owner.uid == rc.owner.uid {
		policy = metav1.DeletePropagationForeground
	}
	w.tell("the garbage collector deletes %s", rcPrefix+name)
	_ = w.deleteRC(name, preconditions{uid: rc.uid}, policy)
}

// finishForeground lets an owner go that has no dependent left.
func (g *collector) finishForeground(w *World, name string) {
	owner := w.rcs[name]
	object := owner.copy()
	setFinalizers(object["metadata"].(map[string]any), slices.DeleteFunc(slices.Clone(owner.finalizers),
		func(f string) bool { return f == foregroundFinalizer }))
	w.tell("the garbage collector lets %s go", name)
	w.replaceRC(owner, object)
}

// abandoned reports whether the owner is gone, or wants its dependents to go first.
func (w *World) abandoned(owner reference) bool {
	if owner.uid == "" {
		return false
	}
	rc := w.rcs[owner.name]
	return rc == nil || rc.uid != owner.uid || rc.deleting && slices.Contains(rc.finalizers, foregroundFinalizer)
}

// hasDependents looks at the store: waiting for one's cache is not modelled.
func (w *World) hasDependents(owner *RC) bool {
	for _, pod := range w.pods {
		if pod.owner.uid == owner.uid {
			return true
		}
	}
	for _, rc := range w.rcs {
		if rc.owner.uid == owner.uid {
			return true
		}
	}
	return false
}

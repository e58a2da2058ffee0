package sim

import (
	"maps"
	"slices"
	"time"
)

// stepKind tells apart what can happen next.
type stepKind int

const (
	agentSees stepKind = iota
	agentBegins
	agentCalls
	agentStarts
	managerSeesRC
	managerSeesPod
	managerBegins
	managerWrites
	collectorSees
	collectorOrphans
	collectorDeletesPod
	collectorDeletesRC
	collectorFinishes
	podBecomesReady
	podEnds
	userActs
	faultStarts
	adopterTakes
	adopterDeletes
	approverLooks
	approverActs
	administratorActs
	neighbourBegins
	stepKinds
)

// step is one thing that can happen next.
type step struct {
	kind  stepKind
	n     int // an agent, a position in a queue, or a node
	name  string
	fault faultKind

	// rcs and pods are how many events are delivered first; the search alone says so.
	rcs, pods int
}

// noFault is the fault of a call that has none.
const noFault = faultKinds

// enabled are the steps that can happen now, faults aside.
func (w *World) enabled(steps []step) []step {
	if w.apiDown {
		return steps // no watch, no write; agents' calls are faults then
	}
	for n, a := range w.agents {
		if len(a.rcs.pending) > 0 {
			steps = append(steps, step{kind: agentSees, n: n})
		}
		if a.ready(w.now) {
			steps = append(steps, step{kind: agentBegins, n: n})
		}
		if a.canCall(w.now) {
			steps = append(steps, step{kind: agentCalls, n: n, fault: noFault})
		}
	}
	if len(w.agents) == 0 {
		steps = append(steps, step{kind: agentStarts})
	}
	steps = w.managerSteps(steps)
	steps = w.collectorSteps(steps)
	for _, pod := range w.podsInOrder() {
		if w.canBecomeReady(pod) {
			steps = append(steps, step{kind: podBecomesReady, name: pod.name})
		}
		if pod.deleting {
			steps = append(steps, step{kind: podEnds, name: pod.name})
		}
	}
	if w.users.next < len(w.users.script) {
		steps = append(steps, step{kind: userActs})
	}
	return w.administratorSteps(w.approverSteps(w.adopterSteps(steps)))
}

func (w *World) managerSteps(steps []step) []step {
	m := w.manager
	if len(m.rcs.pending) > 0 {
		steps = append(steps, step{kind: managerSeesRC})
	}
	if len(m.pods.pending) > 0 {
		steps = append(steps, step{kind: managerSeesPod})
	}
	for _, name := range slices.Sorted(maps.Keys(m.queue)) {
		if m.syncs[name] == nil {
			steps = append(steps, step{kind: managerBegins, name: name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.retries)) {
		if m.syncs[name] == nil && !m.queue[name] && m.retries[name] <= w.now {
			steps = append(steps, step{kind: managerBegins, name: name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.syncs)) {
		steps = append(steps, step{kind: managerWrites, name: name})
	}
	return steps
}

func (w *World) collectorSteps(steps []step) []step {
	if len(w.collector.pods.pending) > 0 {
		steps = append(steps, step{kind: collectorSees})
	}
	for _, rc := range w.rcsInOrder() {
		switch {
		case rc.deleting && slices.Contains(rc.finalizers, orphanFinalizer):
			if !w.collector.knows(rc) {
				continue
			}
			steps = append(steps, step{kind: collectorOrphans, name: rc.name})
		case rc.deleting && !w.hasDependents(rc):
			steps = append(steps, step{kind: collectorFinishes, name: rc.name})
		case !rc.deleting && w.abandoned(rc.owner):
			steps = append(steps, step{kind: collectorDeletesRC, name: rc.name})
		}
	}
	for _, pod := range w.podsInOrder() {
		if !pod.deleting && w.abandoned(pod.owner) {
			steps = append(steps, step{kind: collectorDeletesPod, name: pod.name})
		}
	}
	return steps
}

// take makes a step happen, and checks what it led to.
func (w *World) take(s step) {
	w.check.before(s)
	switch s.kind {
	case agentSees:
		w.agents[s.n].see(0)
	case agentBegins:
		w.agents[s.n].begin(w)
	case agentCalls:
		w.check.called(w, w.agents[s.n])
		w.answerCall(s.n, s.fault)
	case agentStarts:
		w.startAgent(newProcess(w.now, w.policies), s.n)
	case managerSeesRC:
		w.manager.seeRC(s.n)
	case managerSeesPod:
		w.manager.seePod(s.n)
	case managerBegins:
		w.manager.beginSync(w, s.name)
	case managerWrites:
		w.manager.stepSync(w, s.name)
	case userActs:
		w.users.next++
		w.act(w.users.script[w.users.next-1])
	case faultStarts:
		w.startFault(s.fault, s.n, s.name)
	default:
		w.takeByItself(s)
	}
	w.check.after(w)
}

// takeByItself is a step of what nobody here has a part in.
func (w *World) takeByItself(s step) {
	switch s.kind {
	case collectorSees:
		w.collector.pods.deliver(0)
	case collectorOrphans:
		w.collector.orphanOwner(w, s.name)
	case collectorDeletesPod:
		w.collector.collectPod(w, s.name)
	case collectorDeletesRC:
		w.collector.collectRC(w, s.name)
	case collectorFinishes:
		w.collector.finishForeground(w, s.name)
	case podBecomesReady:
		w.becomeReady(s.name)
	case podEnds:
		w.terminate(s.name)
	case adopterTakes:
		w.adopterTakes(s.name)
	case adopterDeletes:
		w.adopterDeletes(s.name)
	case approverLooks:
		w.approverLooks()
	case approverActs:
		w.approverActs()
	case administratorActs:
		w.administratorActs()
	case neighbourBegins:
		w.neighbourBegins()
	}
}

// nextTimer is when something will happen that nothing else leads to.
func (w *World) nextTimer() (time.Duration, bool) {
	var times []time.Duration
	for _, a := range w.agents {
		if a.waiting && a.call == nil {
			times = append(times, a.due)
		}
		if a.call != nil && a.frozen > w.now {
			times = append(times, a.frozen)
		}
	}
	for _, at := range w.manager.retries {
		times = append(times, at)
	}
	if len(times) == 0 {
		return 0, false
	}
	return max(slices.Min(times), w.now), true
}

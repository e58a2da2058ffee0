package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Exploration is what became of a search.
type Exploration struct {
	// States visited, Steps between them, and Ends, in which everything is as was
	// asked for last and nothing is on its way.
	States, Steps, Ends int

	// Failure is empty if every property held in all of them; Story leads to it.
	Failure string
	Story   string
}

// explorer visits every state of a promotion of two pods that can be reached by any
// order of the steps of the agent, kube-controller-manager with its two
// caches, the garbage collector and one user; and with one crash of the agent before
// or after any of its writes.
type explorer struct {
	result Exploration
	memo   *memo

	// next are the states that follow each state; ends those where nothing follows.
	next map[uint64][]uint64
	ends map[uint64]bool

	path []step
}

// Explore searches from the moment before the seal on.
func Explore(edit action, crash bool) Exploration {
	e := &explorer{memo: &memo{answers: map[uint64]answer{}}, next: map[uint64][]uint64{}, ends: map[uint64]bool{}}
	w := e.beforeSeal()
	if edit.kind != "" {
		w.users.script = append(w.users.script, edit)
	}
	if crash {
		w.faults.left[killBefore] = 1
	}
	start := w.clone()
	e.visit(w, w.digest())
	e.result.States, e.result.Ends = len(e.next), len(e.ends)
	if e.result.Failure == "" {
		e.stuck()
	}
	if e.result.Failure != "" {
		e.result.Story = retell(start, e.path)
	}
	return e.result
}

// beforeSeal is a rollout of two pods, lived through without any trouble until the
// agent is about to seal.
func (e *explorer) beforeSeal() *World {
	w := settled(2, nil)
	w.historyOff = true
	w.users.want = want{image: "tomcat:7", replicas: 2}
	w.act(action{kind: setImage, image: "tomcat:8"})
	e.startAgent(w, nil)
	var steps []step
	for {
		steps = slices.DeleteFunc(w.enabled(steps[:0]), func(s step) bool {
			return s.kind == agentCalls && w.rcs[tomcat].replicas == 0 && w.agents[0].call.verb == patchRC
		})
		if len(steps) == 0 {
			return w
		}
		e.take(w, steps[0])
	}
}

// startAgent starts one, with the cache of the one before or with a new one.
func (e *explorer) startAgent(w *World, before *informer[*RC]) {
	a := &agent{rcs: newInformer(func(rc *RC) bool { return rc.rolling }), brain: newRecording(w.now, e.memo), queued: true}
	if a.rcs.sync(w.rcs); before != nil {
		a.rcs = before.clone()
	}
	w.agents = append(w.agents, a)
	w.tell("an agent starts, it has yet to see %d changes", len(a.rcs.pending))
}

// take is a step in a world where no time passes: timers are always due, and the
// garbage collector's view of the pods is as good as it is taken for granted to be.
func (e *explorer) take(w *World, s step) {
	if s.kind == agentCalls && s.fault != noFault {
		w.lastCache = w.agents[s.n].rcs.clone()
		w.faults.left[killBefore]--
	}
	if s.kind == agentStarts {
		w.check.before(s)
		before := w.lastCache
		if w.lastCache = nil; s.n == 0 {
			before = nil
		}
		e.startAgent(w, before)
		return
	}
	for range s.rcs {
		if s.kind == agentBegins {
			w.agents[s.n].see(0)
		} else {
			w.manager.seeRC(0)
		}
	}
	for range s.pods {
		w.manager.seePod(0)
	}
	w.take(s)
	for len(w.collector.pods.pending) > 0 {
		w.collector.pods.deliver(0)
	}
	e.normalise(w)
}

// normalise makes one state of those that differ in nothing that could lead to a
// difference. Timers are always due. A look that comes to nothing changes nothing,
// and whatever makes it come to something else causes another look; so it is taken
// at once.
func (e *explorer) normalise(w *World) {
	m := w.manager
	for name := range m.retries {
		delete(m.retries, name)
		m.queue[name] = true
	}
	for name := range m.queue {
		if m.syncs[name] == nil && m.idle(w, name) {
			delete(m.queue, name)
		}
	}
	for _, a := range w.agents {
		a.queued = a.queued || a.waiting
		a.waiting, a.due, a.failures = false, 0, 0
		if a.queued && a.call == nil {
			try := a.brain.clone()
			if _, more := try.begin(a.rcs.snapshot(), w.now); !more {
				// It may want to look again later, but no time passes here.
				if _, err := try.outcome(); err == nil {
					a.queued, a.brain = false, try
				}
			}
		}
	}
}

// idle reports whether a sync would end without a write and leave nothing behind.
func (m *rcManager) idle(w *World, name string) bool {
	try := *m
	try.queue, try.retries = map[string]bool{}, map[string]time.Duration{}
	try.expect, try.syncs = maps.Clone(m.expect), map[string]*rcSync{}
	try.beginSync(w, name)
	return len(try.syncs) == 0 && len(try.retries) == 0
}

// choices are the steps from a state: all that there are, until the promotion is over
// and the user has done everything. From there on one order of things is enough, in
// which the agent comes last.
func (e *explorer) choices(w *World) []step {
	enabled := w.enabled(nil)
	if w.promoted() {
		at := slices.IndexFunc(enabled, func(s step) bool { return s.kind != agentBegins && s.kind != agentCalls })
		return enabled[max(at, 0):][:1]
	}
	var steps []step
	for _, s := range enabled {
		switch {
		case s.kind == agentSees || s.kind == agentBegins || s.kind == managerSeesRC || s.kind == managerSeesPod || s.kind == managerBegins:
			continue // see looks
		case s.kind == agentStarts:
			steps = append(steps, step{kind: agentStarts, n: 1})
		case s.kind == agentCalls && w.faults.left[killBefore] > 0 && w.agents[s.n].call.writes():
			steps = append(steps, step{kind: agentCalls, n: s.n, fault: killBefore}, step{kind: agentCalls, n: s.n, fault: killAfter})
		}
		steps = append(steps, s)
	}
	return e.looks(w, steps)
}

// looks are the passes and syncs that can begin, each with every state that the
// caches may have by then. Caches are read nowhere else, so that what is delivered
// between two looks may as well be delivered right before the second; and a look
// that leads to nothing is as good as none.
func (e *explorer) looks(w *World, steps []step) []step {
	for n, a := range w.agents {
		for rcs := 0; a.call == nil && rcs <= len(a.rcs.pending); rcs++ {
			try := a.clone()
			for range rcs {
				try.see(0)
			}
			if _, more := try.brain.begin(try.rcs.snapshot(), w.now); more && (try.queued || try.waiting) {
				steps = append(steps, step{kind: agentBegins, n: n, rcs: rcs})
			}
		}
	}
	rcs := w.manager.clone()
	for seen := 0; ; seen++ {
		pods := rcs.clone()
		for seenPods := 0; ; seenPods++ {
			for _, name := range slices.Sorted(maps.Keys(pods.queue)) {
				if pods.syncs[name] == nil && !pods.idle(w, name) {
					steps = append(steps, step{kind: managerBegins, name: name, rcs: seen, pods: seenPods})
				}
			}
			if len(pods.pods.pending) == 0 {
				break
			}
			pods.seePod(0)
		}
		if len(rcs.rcs.pending) == 0 {
			return steps
		}
		rcs.seeRC(0)
	}
}

// visit goes on from a state that was not seen before, depth first. It returns false
// if something failed.
func (e *explorer) visit(w *World, state uint64) bool {
	e.next[state] = nil
	if w.promoted() && w.atRest() {
		e.ends[state] = true
		if left := w.unfinished(); left != nil {
			e.result.Failure = fmt.Sprintf("P5: what was asked for never comes true: %v", left)
		}
		return e.result.Failure == ""
	}
	choices := e.choices(w)
	if rc := w.rcs[tomcat]; len(choices) == 0 && rc != nil && rc.bounds.paused && rc.sealed() == "" && rc.adopting() == "" {
		e.ends[state] = true // paused before the seal: that is what was asked for
	}
	for _, s := range choices {
		then := w.clone()
		e.take(then, s)
		e.result.Steps++
		e.path = append(e.path, s)
		if then.check.failure != "" {
			e.result.Failure = then.check.failure
			return false
		}
		reached := then.digest()
		e.next[state] = append(e.next[state], reached)
		if _, seen := e.next[reached]; !seen && !e.visit(then, reached) {
			return false
		}
		e.path = e.path[:len(e.path)-1]
	}
	return true
}

// promoted reports whether the promotion is over, one way or the other, and the user has
// done everything.
func (w *World) promoted() bool {
	rc := w.rcs[tomcat]
	begun := rc == nil || rc.image != "tomcat:7" || w.users.want.image != "tomcat:8"
	return begun && w.users.next == len(w.users.script) && (rc == nil || rc.deleting || rc.sealed() == "" && rc.adopting() == "")
}

// atRest reports whether nothing will happen any more: only timers are left that nothing
// came of, or that nobody would have set.
func (w *World) atRest() bool {
	for _, s := range w.enabled(nil) {
		if s.kind != agentBegins || w.agents[s.n].queued || w.rcs[tomcat] != nil && w.rcs[tomcat].bounds.pending {
			return false
		}
	}
	return true
}

// stuck looks for a state from which no end can be reached.
func (e *explorer) stuck() {
	before := map[uint64][]uint64{}
	for state, followers := range e.next {
		for _, follower := range followers {
			before[follower] = append(before[follower], state)
		}
	}
	reaches := map[uint64]bool{}
	var todo []uint64
	for state := range e.ends {
		reaches[state] = true
		todo = append(todo, state)
	}
	for len(todo) > 0 {
		state := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, earlier := range before[state] {
			if !reaches[earlier] {
				reaches[earlier] = true
				todo = append(todo, earlier)
			}
		}
	}
	if stuck := len(e.next) - len(reaches); stuck > 0 {
		e.result.Failure = fmt.Sprintf("P5: from %d of %d states the promotion never ends", stuck, len(e.next))
	}
}

// retell takes the same steps again, and tells the story.
func retell(w *World, path []step) string {
	e := &explorer{memo: &memo{answers: map[uint64]answer{}}}
	w.story = &story{told: true}
	w.tellState()
	for _, s := range path {
		e.take(w, s)
		w.tellState()
	}
	return w.story.String()
}

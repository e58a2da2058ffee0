package sim

import (
	"fmt"
	"math/rand/v2"
)

// Exploration is what became of a search.
type Exploration struct {
	// States visited, Steps between them, Ends that were lived on from to the very
	// end.
	States, Steps, Ends int

	// Failure is empty if every property held in all of them; Story leads to it.
	Failure string
	Story   string
}

// explorer visits every state of a promotion of two pods that can be reached by any
// order of the steps of the agent, the ReplicationController manager with its two
// caches, the garbage collector and one user; and with one crash of the agent before
// or after any of its writes.
type explorer struct {
	result Exploration
	memo   *memo

	// next are the states that follow each state; ends those where the promotion is
	// over and the user has done what there was to do.
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
		for _, a := range w.agents {
			if a.call != nil && a.call.verb == patchRC && w.rcs[tomcat].replicas == 0 && w.rcs[tomcat].status.pods == 0 {
				return w
			}
		}
		steps = w.enabled(steps[:0])
		if len(steps) == 0 {
			panic("the rollout is stuck before its promotion: " + w.String())
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
	var dead *informer[*RC]
	if s.kind == agentCalls && s.fault != noFault {
		dead = w.agents[s.n].rcs
		w.faults.left[killBefore]--
	}
	if s.kind == agentStarts {
		w.check.before(s)
		if dead = w.lastCache; s.n == 0 {
			dead = nil
		}
		e.startAgent(w, dead)
		w.lastCache = nil
		return
	}
	w.take(s)
	if dead != nil {
		w.lastCache = dead
	}
	for len(w.collector.pods.pending) > 0 {
		w.collector.pods.deliver(0)
	}
	for _, a := range w.agents {
		a.due, a.failures = 0, 0
	}
	for name := range w.manager.retries {
		w.manager.retries[name] = 0
	}
}

// choices are the steps from a state.
func (e *explorer) choices(w *World) []step {
	var steps []step
	for _, s := range w.enabled(nil) {
		steps = append(steps, s)
		switch {
		case s.kind == agentStarts:
			steps = append(steps, step{kind: agentStarts, n: 1})
		case s.kind == agentCalls && w.faults.left[killBefore] > 0 && w.agents[s.n].call.writes():
			steps = append(steps, step{kind: agentCalls, n: s.n, fault: killBefore}, step{kind: agentCalls, n: s.n, fault: killAfter})
		}
	}
	return steps
}

// visit goes on from a state that was not seen before, depth first. It returns false
// if something failed.
func (e *explorer) visit(w *World, state uint64) bool {
	e.next[state] = nil
	if w.promoted() {
		e.ends[state] = true
		return e.liveOn(w)
	}
	for _, s := range e.choices(w) {
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

// promoted tells that the promotion is over, one way or the other, and the user has
// done everything.
func (w *World) promoted() bool {
	rc := w.rcs[tomcat]
	begun := rc == nil || rc.image != "tomcat:7" || w.users.want.image != "tomcat:8"
	return begun && w.users.next == len(w.users.script) && (rc == nil || rc.deleting || rc.sealed() == "" && rc.adopting() == "")
}

// liveOn lives on from an end, until everything is as was asked for (P5, P8): with a
// process in the place of the recording, and one order of things, as the promotion is
// over.
func (e *explorer) liveOn(w *World) bool {
	then := w.clone()
	for _, a := range then.agents {
		recording := a.brain.(*recording)
		if a.call != nil { // not answered any more: the process dies
			a.call, a.brain, a.queued = nil, newProcess(w.now), true
			continue
		}
		a.brain, _ = recording.process()
	}
	then.faults.left = [faultKinds]int{}
	r := &run{World: then, random: rand.New(rand.NewPCG(1, 1))}
	for kind := range r.weights {
		r.weights[kind] = 10
	}
	over := func() bool { return then.unfinished() == nil }
	if !r.await(over, patience, idlePatience) && !r.failed() {
		then.check.fail("P5", "what was asked for never comes true: %v", then.unfinished())
	}
	e.result.Failure = then.check.failure
	return e.result.Failure == ""
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

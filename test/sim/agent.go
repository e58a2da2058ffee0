package sim

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// agent is one replica of rcroll's agent: its informer, its queue and, as a process,
// the real reconciler.
type agent struct {
	id    int
	rcs   *informer[*RC]
	brain brain

	// queued: the rollout is in the queue. If waiting is set it will be, when it is due.
	queued, waiting bool
	due             time.Duration

	// call is what the pass under way asks for next; nil between passes.
	call *call

	// frozen is until when the process stands still, in the middle of that call.
	frozen time.Duration

	// failures in a row make the delay of a retry grow.
	failures int

	// view is how policies and the rollout were when the pass began.
	view view
}

// brain decides. One is a process, the other (of the exhaustive mode) can be copied.
type brain interface {
	begin(cache map[string]*RC, now time.Duration) (call, bool)
	resume(r reply, now time.Duration) (call, bool)

	// outcome is how the last pass ended.
	outcome() (reconcile.Result, error)

	// wasWoken reports whether policies have the rollout looked at, once.
	wasWoken() bool

	// announced are the events of which nobody was told yet.
	announced() []string

	kill()
	clone() brain
}

func (p *process) outcome() (reconcile.Result, error) { return p.result, p.err }

func (p *process) announced() []string {
	events := p.events
	p.events = nil
	return events
}

func (p *process) clone() brain { panic("a process cannot be copied") }

func (a *agent) clone() *agent {
	c := *a
	c.rcs, c.brain = a.rcs.clone(), a.brain.clone()
	return &c
}

// startAgent starts one whose cache is the state of the API server as it was when
// the history had that many entries; the rest it will be told.
func (w *World) startAgent(brain brain, at int) {
	rcs := newInformer(func(rc *RC) bool { return rc.rolling })
	for _, t := range w.rcHistory[:at] {
		rcs.notify(t.before, t.after)
	}
	for len(rcs.pending) > 0 {
		rcs.deliver(0)
	}
	for _, t := range w.rcHistory[at:] {
		rcs.notify(t.before, t.after)
	}
	w.agentsStarted++
	a := &agent{id: w.agentsStarted, rcs: rcs, brain: brain, queued: len(rcs.cache) > 0}
	w.agents = append(w.agents, a)
	w.tell("agent %d starts, it has yet to see %d changes", a.id, len(rcs.pending))
}

// see delivers a pending event to the agent.
func (a *agent) see(at int) {
	a.rcs.deliver(at)
	a.queued = true
}

// ready reports whether a pass can begin.
func (a *agent) ready(now time.Duration) bool {
	return a.call == nil && (a.queued || a.waiting && a.due <= now)
}

// canCall reports whether the pass under way goes on.
func (a *agent) canCall(now time.Duration) bool { return a.call != nil && a.frozen <= now }

// begin starts a pass, up to its first call to the API server.
func (a *agent) begin(w *World) {
	if a.waiting && a.due <= w.now {
		a.waiting = false
	}
	a.queued = false
	a.view = w.viewOf(a)
	c, more := a.brain.begin(a.rcs.snapshot(), w.now)
	a.after(w, c, more)
}

// answer hands the reply to the pass under way.
func (a *agent) answer(w *World, r reply) {
	c, more := a.brain.resume(r, w.now)
	a.after(w, c, more)
}

const (
	retryFirst = 10 * time.Millisecond
	retryLast  = 30 * time.Second
)

// after takes note of the next call, or of how the pass ended.
func (a *agent) after(w *World, c call, more bool) {
	for _, event := range a.brain.announced() {
		w.tell("agent %d announces: %s", a.id, event)
		w.events = append(w.events, event)
	}
	a.queued = a.brain.wasWoken() || a.queued
	if more {
		if c.verb == createRC {
			// The webhook looks at once, and what it lets pass is stored at any time later.
			c.owner = w.rcs[c.ownerName()]
		}
		a.call = &c
		return
	}
	a.call = nil
	result, err := a.brain.outcome()
	delay := result.RequeueAfter
	if err != nil {
		delay = min(retryFirst<<min(a.failures, 20), retryLast)
		a.failures++
		w.tell("agent %d: %v", a.id, err)
	} else {
		a.failures = 0
	}
	if delay > 0 && (!a.waiting || w.now+delay < a.due) {
		a.waiting, a.due = true, w.now+delay
	}
}

package sim

import (
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// recording is an agent's brain that can be copied: instead of a process it keeps
// what the process was told, and to find out what that would do next it tells a new
// one the same. The reconciler is deterministic, so that is the same.
type recording struct {
	started time.Duration

	// passes are those so far that wrote something; others leave nothing in the
	// memory of the agent that the next pass does not set right at its beginning.
	// The last one is under way if running is set.
	passes  []pass
	running bool

	// unseen are the writes that the agent's cache has yet to show, and began tells
	// whether there was any: all that the memory is good for, and so all by which two
	// of them differ.
	unseen map[string]written
	began  bool

	last answer
	memo *memo
}

// pass is what the agent was told in one. Slices are not changed in place.
type pass struct {
	cache   map[string]*RC
	at      time.Duration
	replies []reply
	wrote   bool
}

// written is a write of the agent.
type written struct {
	uid     string
	version int64
	deleted bool
}

// answer is what a process does next.
type answer struct {
	call   call
	more   bool
	result reconcile.Result
	err    error
	events []string
}

// memo are answers that were found out before.
type memo struct {
	answers map[uint64]answer
}

func newRecording(started time.Duration, memo *memo) *recording {
	return &recording{started: started, unseen: map[string]written{}, memo: memo}
}

func (r *recording) clone() brain {
	c := *r
	c.passes, c.unseen = slices.Clip(r.passes), maps.Clone(r.unseen)
	return &c
}

func (r *recording) begin(cache map[string]*RC, now time.Duration) (call, bool) {
	r.forgetSeen(cache)
	r.passes, r.running = append(slices.Clip(r.passes), pass{cache: cache, at: now}), true
	return r.next()
}

func (r *recording) resume(with reply, now time.Duration) (call, bool) {
	current := r.passes[len(r.passes)-1]
	current.replies = append(slices.Clip(current.replies), with)
	if c := r.last.call; c.writes() {
		current.wrote = true
		r.remember(c, with)
	}
	r.passes = append(slices.Clip(r.passes[:len(r.passes)-1]), current)
	return r.next()
}

func (r *recording) remember(c call, with reply) {
	r.began = r.began || with.err == nil
	switch {
	case with.err != nil:
	case c.verb == deleteRC:
		r.unseen[c.name] = written{uid: c.must.uid, deleted: true}
	default:
		r.unseen[c.name] = written{uid: with.rc.uid, version: with.rc.version}
	}
}

func (r *recording) forgetSeen(cache map[string]*RC) {
	for name, w := range r.unseen {
		if w.seenIn(cache[name]) {
			delete(r.unseen, name)
		}
	}
}

func (w written) seenIn(rc *RC) bool {
	switch {
	case w.deleted:
		return rc == nil || rc.uid != w.uid || rc.deleting
	case rc == nil:
		return false
	}
	return rc.version >= w.version
}

// next is what the process does now.
func (r *recording) next() (call, bool) {
	key := r.key()
	found, known := r.memo.answers[key]
	if !known {
		found = r.replay()
		r.memo.answers[key] = found
	}
	r.last = found
	if !found.more {
		r.running = false
		if !r.passes[len(r.passes)-1].wrote {
			r.passes = r.passes[:len(r.passes)-1]
		}
	}
	return found.call, found.more
}

// replay tells a new process everything.
func (r *recording) replay() answer {
	p, a := r.process()
	p.kill()
	return a
}

// process is a process that was told everything. It is in the middle of the pass
// that is under way.
func (r *recording) process() (*process, answer) {
	p := newProcess(r.started, &policies{})
	var a answer
	for _, pass := range r.passes {
		p.events = nil
		a.call, a.more = p.begin(pass.cache, pass.at)
		for _, reply := range pass.replies {
			a.call, a.more = p.resume(reply, pass.at)
		}
	}
	a.result, a.err, a.events = p.result, p.err, p.events
	return p, a
}

// key tells apart what the agent may do next.
func (r *recording) key() uint64 {
	var h maphash.Hash
	h.SetSeed(hashSeed)
	current := r.passes[len(r.passes)-1]
	for _, name := range slices.Sorted(maps.Keys(r.unseen)) {
		writeAll(&h, name, r.unseen[name])
	}
	writeAll(&h, r.began)
	writeObjects(&h, current.cache)
	for _, reply := range current.replies {
		if reply.rc != nil {
			writeAll(&h, reply.rc.hash())
		}
		writeReply(&h, reply)
	}
	return h.Sum64()
}

// eachRC visits what the pass under way knows.
func (r *recording) eachRC(visit func(*RC)) {
	if !r.running {
		return
	}
	current := r.passes[len(r.passes)-1]
	for _, rc := range current.cache {
		visit(rc)
	}
	for _, reply := range current.replies {
		if reply.rc != nil {
			visit(reply.rc)
		}
	}
}

func (r *recording) outcome() (reconcile.Result, error) { return r.last.result, r.last.err }

func (*recording) wasWoken() bool { return false }

func (r *recording) announced() []string {
	events := r.last.events
	r.last.events = nil
	return events
}

func (r *recording) kill() {}

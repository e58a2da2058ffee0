package sim

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ranks are the versions of each ReplicationController that somebody still knows of,
// in order. What matters of a version is which are older and which are newer.
type ranks map[string][]int64

func (r ranks) add(name string, version int64) {
	if !slices.Contains(r[name], version) {
		r[name] = append(r[name], version)
	}
}

func (r ranks) of(name string, version int64) int { return slices.Index(r[name], version) }

// ranks collects them from wherever they can be.
func (w *World) ranks() ranks {
	r := ranks{}
	add := func(rc *RC) { r.add(rc.name, rc.version) }
	for _, rc := range w.rcs {
		add(rc)
	}
	eachRC(w.manager.rcs, add)
	for _, s := range w.manager.syncs {
		add(s.rc)
		if version, err := strconv.ParseInt(s.version, 10, 64); err == nil {
			r.add(s.rc.name, version)
		}
	}
	for _, a := range w.agents {
		eachRC(a.rcs, add)
		a.brain.(*recording).eachRC(add)
		for name, w := range a.brain.(*recording).unseen {
			r.add(name, w.version)
		}
	}
	if w.lastCache != nil {
		eachRC(w.lastCache, add)
	}
	for _, versions := range r {
		slices.Sort(versions)
	}
	return r
}

func eachRC(i *informer[*RC], visit func(*RC)) {
	for _, rc := range i.cache {
		visit(rc)
	}
	for _, e := range i.pending {
		visit(e.object)
	}
}

// digester writes what makes a state what it is.
type digester struct {
	maphash.Hash
	ranks ranks
}

func (d *digester) rc(rc *RC) { writeAll(&d.Hash, rc.content(), d.ranks.of(rc.name, rc.version)) }

func (d *digester) rcs(rcs map[string]*RC) {
	for _, rc := range inOrder(rcs) {
		d.rc(rc)
	}
	_ = d.WriteByte('|')
}

func (d *digester) informer(i *informer[*RC]) {
	d.rcs(i.cache)
	for _, e := range i.pending {
		d.rc(e.object)
		writeAll(&d.Hash, e.gone)
	}
	_ = d.WriteByte('|')
}

// digest tells apart states of the world that may go on differently. Counts for the
// reader are left out, and so are the versions of pods, which nobody compares.
func (w *World) digest() uint64 {
	d := &digester{ranks: w.ranks()}
	h := &d.Hash
	h.SetSeed(hashSeed)
	d.rcs(w.rcs)
	writeObjects(h, w.pods)
	d.manager(w.manager)
	writeInformer(h, w.collector.pods)
	for _, uid := range slices.Sorted(maps.Keys(w.collector.orphaning)) {
		writeAll(h, uid, w.collector.orphaning[uid])
	}
	for _, a := range w.agents {
		d.informer(a.rcs)
		writeAll(h, a.queued, a.waiting, a.call != nil)
		d.recording(a.brain.(*recording), a.rcs.cache)
	}
	if w.lastCache != nil {
		d.informer(w.lastCache)
	}
	writeAll(h, w.users.next, w.users.want, w.faults.left[killBefore], w.check.floor, w.check.ceiling, w.check.promoting, w.check.uid)
	return h.Sum64()
}

func (d *digester) manager(m *rcManager) {
	h := &d.Hash
	d.informer(m.rcs)
	writeInformer(h, m.pods)
	for _, name := range slices.Sorted(maps.Keys(m.queue)) {
		writeAll(h, "queue", name)
	}
	for _, name := range slices.Sorted(maps.Keys(m.retries)) {
		writeAll(h, "retry", name)
	}
	for _, name := range slices.Sorted(maps.Keys(m.expect)) {
		if e := m.expect[name]; !e.fulfilled() {
			writeAll(h, "expect", name, e.creates, e.deletes)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.syncs)) {
		s := m.syncs[name]
		version, _ := strconv.ParseInt(s.version, 10, 64)
		d.rc(s.rc)
		writeAll(h, "sync", s.needed, s.mayAdopt, s.failed, s.planned, s.create, s.batch, s.size, s.succeeded,
			s.remove, s.report != nil, d.ranks.of(name, version), s.retried)
		for _, pods := range [][]*Pod{s.active, s.claims} {
			for _, pod := range pods {
				writeAll(h, pod.hash())
			}
			writeAll(h, "|")
		}
	}
}

func (d *digester) recording(r *recording, cache map[string]*RC) {
	for _, name := range slices.Sorted(maps.Keys(r.unseen)) {
		if w := r.unseen[name]; !w.seenIn(cache[name]) {
			writeAll(&d.Hash, name, w.uid, w.deleted, d.ranks.of(name, w.version))
		}
	}
	writeAll(&d.Hash, r.began)
	if !r.running {
		return
	}
	current := r.passes[len(r.passes)-1]
	d.rcs(current.cache)
	for _, reply := range current.replies {
		if reply.rc != nil {
			d.rc(reply.rc)
		}
		writeReply(&d.Hash, reply)
	}
}

// writeReply writes all but the ReplicationController.
func writeReply(h *maphash.Hash, reply reply) {
	for _, pod := range reply.pods {
		writeAll(h, pod.hash())
	}
	if reply.err != nil {
		writeAll(h, string(apierrors.ReasonForError(reply.err)))
	}
	writeAll(h, "|")
}

func writeInformer[T object](h *maphash.Hash, i *informer[T]) {
	writeObjects(h, i.cache)
	for _, e := range i.pending {
		maphash.WriteComparable(h, e.object.hash())
		maphash.WriteComparable(h, e.gone)
	}
	_ = h.WriteByte('|')
}

func writeObjects[T object](h *maphash.Hash, objects map[string]T) {
	for _, object := range inOrder(objects) {
		maphash.WriteComparable(h, object.hash())
	}
	_ = h.WriteByte('|')
}

func writeAll(h *maphash.Hash, values ...any) {
	for _, value := range values {
		switch value := value.(type) {
		case string:
			_, _ = h.WriteString(value)
		case []string, want, written:
			_, _ = fmt.Fprint(h, value)
		default:
			maphash.WriteComparable(h, value)
		}
		_ = h.WriteByte(0)
	}
}

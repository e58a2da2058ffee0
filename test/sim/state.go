package sim

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
)

// digest tells apart states of the world that may go on differently. Counts for the
// reader are left out, and so are the versions of pods, which nobody compares.
func (w *World) digest() uint64 {
	var h maphash.Hash
	h.SetSeed(hashSeed)
	writeObjects(&h, w.rcs)
	writeObjects(&h, w.pods)
	w.manager.write(&h)
	writeInformer(&h, w.collector.pods)
	for _, uid := range slices.Sorted(maps.Keys(w.collector.orphaning)) {
		writeAll(&h, uid, w.collector.orphaning[uid])
	}
	for _, a := range w.agents {
		writeInformer(&h, a.rcs)
		writeAll(&h, a.queued, a.waiting, a.call != nil, a.brain.(*recording).digest(a.rcs.cache))
	}
	writeAll(&h, w.users.next, w.users.want, w.faults.left[killBefore], w.check.floor, w.check.ceiling, w.check.promoting, w.check.uid)
	return h.Sum64()
}

func (m *rcManager) write(h *maphash.Hash) {
	writeInformer(h, m.rcs)
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
		writeAll(h, "sync", s.rc.hash(), s.needed, s.mayAdopt, s.failed, s.planned, s.create, s.batch, s.size, s.succeeded,
			s.remove, s.report != nil, s.version, s.retried)
		for _, pods := range [][]*Pod{s.active, s.claims} {
			for _, pod := range pods {
				writeAll(h, pod.hash())
			}
			writeAll(h, "|")
		}
	}
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
			fmt.Fprint(h, value)
		default:
			maphash.WriteComparable(h, value)
		}
		_ = h.WriteByte(0)
	}
}

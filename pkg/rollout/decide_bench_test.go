package rollout_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/rollout"
)

// snapshots are what passes mostly see.
func snapshots() map[string]rollout.Snapshot {
	return map[string]rollout.Snapshot{
		"waits":  snapshot(4, 2, func(s *rollout.Snapshot) { s.Owned[0].Available = 1 }),
		"steps":  snapshot(4, 1, func(*rollout.Snapshot) {}),
		"seals":  snapshot(0, 5, func(s *rollout.Snapshot) { s.Pods = &rollout.Pods{} }),
		"adopts": snapshot(0, 5, func(s *rollout.Snapshot) { sealed(s); s.Owned, s.Pods = nil, &rollout.Pods{Orphans: 5} }),
	}
}

func BenchmarkDecide(b *testing.B) {
	for name, snapshot := range snapshots() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rollout.Decide(snapshot)
			}
		})
	}
}

// TestPlanAllocations guards what a pass costs, as TestPodsAndPasses (test/sim) does how many
// passes there are. Who makes one dearer on purpose changes the number here, and says
// why in the commit; so does who makes it cheaper.
func TestPlanAllocations(t *testing.T) {
	limits := map[string]float64{"waits": 12, "steps": 27, "seals": 16, "adopts": 4}
	for name, snapshot := range snapshots() {
		allocations := testing.AllocsPerRun(100, func() { rollout.Decide(snapshot) })
		assert.LessOrEqual(t, allocations, limits[name], "%s", name)
	}
}

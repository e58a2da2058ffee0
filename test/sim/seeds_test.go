package sim

import (
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seedFlag  = flag.Uint64("sim.seed", 0, "the one seed to run, with its story; 0 for many")
	seedsFlag = flag.Uint64("sim.seeds", 20000, "how many seeds to run")
	failFlag  = flag.Uint64("sim.failures", 10, "after how many failures to stop")
	firstFlag = flag.Uint64("sim.first", 1, "the first of them")
)

// TestSeeds runs many seeds, or tells the story of one.
func TestSeeds(t *testing.T) {
	if *seedFlag != 0 {
		result := Run(*seedFlag, true)
		t.Logf("the story of seed %d:\n%s", *seedFlag, result.Story)
		if result.Failure != "" {
			t.Fatal(result.Failure)
		}
		return
	}
	count := *seedsFlag
	if testing.Short() {
		count = min(count, 500)
	}
	var next, steps, strict, rolledBack, failures atomic.Uint64
	next.Store(*firstFlag - 1)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed := next.Add(1); seed < *firstFlag+count && failures.Load() < *failFlag; seed = next.Add(1) {
				result := Run(seed, false)
				steps.Add(uint64(result.Steps))
				strict.Add(uint64(result.Strict))
				rolledBack.Add(uint64(result.RolledBack))
				if result.Failure != "" {
					failures.Add(1)
					t.Errorf("seed %d: %s\n  its story: go test ./test/sim -run TestSeeds -sim.seed=%d", seed, result.Failure, seed)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d seeds, %d steps, in %.1f %% of them P1 and P2 were held to the promise itself; %d rollouts failed and were rolled back",
		count, steps.Load(), 100*float64(strict.Load())/float64(max(1, steps.Load())), rolledBack.Load())
}

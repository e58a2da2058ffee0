package rollout_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestScripts prints whole rollouts as the old command would have.
func TestScripts(t *testing.T) {
	tests := map[string]struct {
		desired            int32
		surge, unavailable string

		// during happens once, after the given number of passes.
		after  int
		during func(*world)

		want string
	}{
		"the seed: 5 pods, surge 1": {
			desired: 5, surge: "1", unavailable: "0",
			want: `
				Created tomcat-v8
				Scaling up tomcat-v8 from 0 to 5, scaling down tomcat from 5 to 0 (keep 5 pods available, don't exceed 6 pods)
				Scaling tomcat-v8 up to 1
				Scaling tomcat down to 4
				Scaling tomcat-v8 up to 2
				Scaling tomcat down to 3
				Scaling tomcat-v8 up to 3
				Scaling tomcat down to 2
				Scaling tomcat-v8 up to 4
				Scaling tomcat down to 1
				Scaling tomcat-v8 up to 5
				Scaling tomcat down to 0
				All pods are updated. tomcat takes over the pods of tomcat-v8
				Deleted tomcat-v8, its pods stay
				Update succeeded. tomcat has taken over the pods of tomcat-v8`,
		},
		"20 pods, 25% and 25%, up and down at once": {
			desired: 20, surge: "25%", unavailable: "25%",
			want: `
				Created tomcat-v8
				Scaling up tomcat-v8 from 0 to 20, scaling down tomcat from 20 to 0 (keep 15 pods available, don't exceed 25 pods)
				Scaling tomcat-v8 up to 5
				Scaling tomcat down to 15
				Scaling tomcat-v8 up to 10
				Scaling tomcat down to 10
				Scaling tomcat-v8 up to 15
				Scaling tomcat down to 5
				Scaling tomcat-v8 up to 20
				Scaling tomcat down to 0
				All pods are updated. tomcat takes over the pods of tomcat-v8
				Deleted tomcat-v8, its pods stay
				Update succeeded. tomcat has taken over the pods of tomcat-v8`,
		},
		"no surge, one unavailable": {
			desired: 2, surge: "0", unavailable: "1",
			want: `
				Created tomcat-v8
				Scaling up tomcat-v8 from 0 to 2, scaling down tomcat from 2 to 0 (keep 1 pods available, don't exceed 2 pods)
				Scaling tomcat down to 1
				Scaling tomcat-v8 up to 1
				Scaling tomcat down to 0
				Scaling tomcat-v8 up to 2
				All pods are updated. tomcat takes over the pods of tomcat-v8
				Deleted tomcat-v8, its pods stay
				Update succeeded. tomcat has taken over the pods of tomcat-v8`,
		},
		"no pods": {
			desired: 0, surge: "1", unavailable: "0",
			want: `
				Created tomcat-v8
				Scaling up tomcat-v8 from 0 to 0, scaling down tomcat from 0 to 0 (keep 0 pods available, don't exceed 1 pods)
				All pods are updated. tomcat takes over the pods of tomcat-v8
				Deleted tomcat-v8, its pods stay
				Update succeeded. tomcat has taken over the pods of tomcat-v8`,
		},
		"a retarget half-way: stale pods go first": {
			desired: 3, surge: "1", unavailable: "0",
			after: 4, during: func(w *world) { w.request("v9") },
			want: `
				Created tomcat-v8
				Scaling up tomcat-v8 from 0 to 3, scaling down tomcat from 3 to 0 (keep 3 pods available, don't exceed 4 pods)
				Scaling tomcat-v8 up to 1
				Scaling tomcat down to 2
				Scaling tomcat-v8 up to 2
				Created tomcat-v9
				Scaling up tomcat-v9 from 0 to 3, scaling down tomcat-v8 from 2 to 0, tomcat from 2 to 0 (keep 3 pods available, don't exceed 4 pods)
				Scaling tomcat-v8 down to 1
				Scaling tomcat-v9 up to 1
				Scaling tomcat-v8 down to 0
				Scaling tomcat-v9 up to 2
				Deleted tomcat-v8
				Scaling tomcat down to 1
				Scaling tomcat-v9 up to 3
				Scaling tomcat down to 0
				All pods are updated. tomcat takes over the pods of tomcat-v9
				Deleted tomcat-v9, its pods stay
				Update succeeded. tomcat has taken over the pods of tomcat-v9`,
		},
		"a cancel half-way": {
			desired: 3, surge: "1", unavailable: "0",
			after: 4, during: func(w *world) { w.request("v7") },
			want: `
				Created tomcat-v8
				Scaling up tomcat-v8 from 0 to 3, scaling down tomcat from 3 to 0 (keep 3 pods available, don't exceed 4 pods)
				Scaling tomcat-v8 up to 1
				Scaling tomcat down to 2
				Scaling tomcat-v8 up to 2
				Rolling back tomcat. Scaling up tomcat from 2 to 3, scaling down tomcat-v8 from 2 to 0 (keep 3 pods available, don't exceed 4 pods)
				Scaling tomcat-v8 down to 1
				Scaling tomcat up to 3
				Scaling tomcat-v8 down to 0
				Deleted tomcat-v8
				Rollback succeeded. tomcat keeps its template`,
		},
		"a cancel before anything moved": {
			desired: 3, surge: "1", unavailable: "0",
			after: 0, during: func(w *world) { w.request("v7") },
			want: `
				Rollback succeeded. tomcat keeps its template`,
		},
		"more pods desired half-way": {
			desired: 2, surge: "1", unavailable: "0",
			after: 3, during: func(w *world) { w.desired = 4 },
			want: `
				Created tomcat-v8
				Scaling up tomcat-v8 from 0 to 2, scaling down tomcat from 2 to 0 (keep 2 pods available, don't exceed 3 pods)
				Scaling tomcat-v8 up to 1
				Scaling tomcat down to 1
				Scaling tomcat-v8 up to 4
				Scaling tomcat down to 0
				All pods are updated. tomcat takes over the pods of tomcat-v8
				Deleted tomcat-v8, its pods stay
				Update succeeded. tomcat has taken over the pods of tomcat-v8`,
		},
		"fewer pods desired half-way": {
			desired: 4, surge: "1", unavailable: "0",
			after: 6, during: func(w *world) { w.desired = 2 },
			want: `
				Created tomcat-v8
				Scaling up tomcat-v8 from 0 to 4, scaling down tomcat from 4 to 0 (keep 4 pods available, don't exceed 5 pods)
				Scaling tomcat-v8 up to 1
				Scaling tomcat down to 3
				Scaling tomcat-v8 up to 2
				Scaling tomcat down to 2
				Scaling tomcat-v8 up to 3
				Scaling tomcat-v8 down to 2
				Scaling tomcat down to 0
				All pods are updated. tomcat takes over the pods of tomcat-v8
				Deleted tomcat-v8, its pods stay
				Update succeeded. tomcat has taken over the pods of tomcat-v8`,
		},
		"a newer request during the promotion": {
			desired: 1, surge: "1", unavailable: "0",
			after: 5, during: func(w *world) { w.request("v9") },
			want: `
				Created tomcat-v8
				Scaling up tomcat-v8 from 0 to 1, scaling down tomcat from 1 to 0 (keep 1 pods available, don't exceed 2 pods)
				Scaling tomcat-v8 up to 1
				Scaling tomcat down to 0
				All pods are updated. tomcat takes over the pods of tomcat-v8
				Deleted tomcat-v8, its pods stay
				tomcat has taken over the pods of tomcat-v8; going on to tomcat-v9
				Created tomcat-v9
				Scaling up tomcat-v9 from 0 to 1, scaling down tomcat from 1 to 0 (keep 1 pods available, don't exceed 2 pods)
				Scaling tomcat-v9 up to 1
				Scaling tomcat down to 0
				All pods are updated. tomcat takes over the pods of tomcat-v9
				Deleted tomcat-v9, its pods stay
				Update succeeded. tomcat has taken over the pods of tomcat-v9`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(test.desired, test.surge, test.unavailable)
			w.request("v8")
			for range test.after {
				w.pass()
				w.settle()
			}
			if test.during != nil {
				test.during(w)
			}
			_, ok := w.run(100)
			assert.True(t, ok, "finished")
			assert.Empty(t, w.harm)
			assert.Equal(t, lines(test.want), w.log)
		})
	}
}

func lines(text string) []string {
	var out []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// TestPodsAndPasses: N pods created, N deleted, and no pass more than it takes: with
// surge 1 two per pod, and 6 for creation, seal, orphan, adopt, open and finish.
func TestPodsAndPasses(t *testing.T) {
	for _, desired := range []int32{1, 5, 20} {
		w := newWorld(desired, "1", "0")
		w.request("v8")
		passes, ok := w.run(200)
		assert.True(t, ok)
		assert.Equal(t, desired, w.created, "created")
		assert.Equal(t, desired, w.deleted, "deleted")
		assert.Equal(t, int(2*desired)+6, passes)
	}
}

// TestBrokenOldPods: pods that serve nobody are replaced, though there are fewer
// available than there should be; and only against new ones that are.
func TestBrokenOldPods(t *testing.T) {
	w := newWorld(5, "1", "0")
	w.request("v8")
	breakOld := func() {
		w.rc.available, w.rc.cachedOK, w.rc.statusOK = 0, 0, 0
	}
	for range 60 {
		if !w.pending {
			break
		}
		if w.live == "v7" {
			breakOld()
		}
		newOK := int32(0)
		if next := w.next["tomcat-v8"]; next != nil {
			newOK = next.statusOK
		}
		w.pass()
		if w.live == "v7" {
			assert.GreaterOrEqual(t, w.rc.replicas, 5-newOK, "an old pod goes for every new one")
		}
		w.settle()
	}
	assert.False(t, w.pending)
}

// TestUpdatePeriod: a period passes between two scale-ups, the first comes at once,
// and a rollback does not wait.
func TestUpdatePeriod(t *testing.T) {
	w := newWorld(3, "1", "0")
	w.strategy.UpdatePeriod = time.Minute
	w.request("v8")
	w.lastUp = w.now // as after a restart
	for range 8 {
		w.pass()
		w.settle()
	}
	assert.Equal(t, int32(1), w.next["tomcat-v8"].replicas)
	w.now = w.now.Add(20 * time.Second)
	decision := w.pass()
	assert.Empty(t, decision.Actions)
	assert.Equal(t, 40*time.Second, decision.RequeueAfter)

	w.now = w.now.Add(decision.RequeueAfter)
	w.pass()
	assert.Equal(t, int32(2), w.next["tomcat-v8"].replicas)

	w.settle()
	w.request("v7")
	_, ok := w.run(20)
	assert.True(t, ok)
	assert.Less(t, w.now, time.Unix(1000, 0).Add(30*time.Minute))
}

// TestHiddenPods: between a scale-up and the first status that shows its pods, a
// retarget must not take the pods for gone.
func TestHiddenPods(t *testing.T) {
	w := newWorld(1, "1", "0")
	w.request("v8")
	for w.next["tomcat-v8"] == nil || w.next["tomcat-v8"].replicas == 0 {
		w.pass()
		w.settle0()
	}
	v8 := w.next["tomcat-v8"]
	w.seeSpec(v8)
	w.manage(v8)
	v8.publish() // a current status, of a cache that lacks the pod
	assert.Equal(t, int32(0), v8.statusPods)
	w.request("v9")
	for range 5 {
		w.pass()
		assert.LessOrEqual(t, w.potential(), int32(2))
	}
	_, ok := w.run(30)
	assert.True(t, ok)
}

// settle0 publishes statuses without any pod being created.
func (w *world) settle0() {
	for _, c := range w.all() {
		if c.replicas == c.pods {
			w.seeSpec(c)
			c.publish()
		}
	}
}

// TestPodDiesDuringAdoption: it cannot be replaced before the rollout is over, and
// the rollout is not held up by it.
func TestPodDiesDuringAdoption(t *testing.T) {
	w := newWorld(3, "1", "0")
	w.request("v8")
	for range 30 {
		if w.adopting != "" {
			break
		}
		w.pass()
		w.settle()
	}
	w.rc.pods, w.rc.available = 2, 2
	w.settle()
	_, ok := w.run(10)
	assert.True(t, ok, "finished")
	w.settle()
	assert.Equal(t, int32(3), w.rc.pods)
}

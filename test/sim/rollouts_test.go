package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRollouts prints whole rollouts as the old command would have.
func TestRollouts(t *testing.T) {
	tests := map[string]struct {
		desired            int64
		surge, unavailable string

		// during happens once, after the given number of passes.
		after  int
		during func(*driver)

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
			desired: 2, surge: "1", unavailable: "0",
			after: 0, during: func(d *driver) { d.scaleTo(0) },
			want: `
				Created tomcat-v8
				Scaling up tomcat-v8 from 0 to 0, scaling down tomcat from 2 to 0 (keep 0 pods available, don't exceed 1 pods)
				Scaling tomcat down to 0
				All pods are updated. tomcat takes over the pods of tomcat-v8
				Deleted tomcat-v8, its pods stay
				Update succeeded. tomcat has taken over the pods of tomcat-v8`,
		},
		"a retarget half-way: the pods of the old request go first": {
			desired: 3, surge: "1", unavailable: "0",
			after: 4, during: func(d *driver) { d.request("tomcat:9") },
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
			after: 4, during: func(d *driver) { d.request("tomcat:7") },
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
			after: 0, during: func(d *driver) { d.request("tomcat:7") },
			want: `
				Rollback succeeded. tomcat keeps its template`,
		},
		"more pods desired half-way": {
			desired: 2, surge: "1", unavailable: "0",
			after: 3, during: func(d *driver) { d.scaleTo(4) },
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
			after: 6, during: func(d *driver) { d.scaleTo(2) },
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
			after: 5, during: func(d *driver) { d.request("tomcat:9") },
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
			d := drive(t, test.desired, "max-surge="+test.surge, "max-unavailable="+test.unavailable)
			d.request("tomcat:8")
			d.passes(test.after)
			if test.during != nil {
				test.during(d)
			}
			d.run(100)
			assert.Equal(t, lines(test.want), d.told())
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
	for _, desired := range []int64{1, 5, 20} {
		t.Run(fmt.Sprint(desired), func(t *testing.T) {
			d := drive(t, desired)
			d.request("tomcat:8")
			passes := d.run(200)
			assert.EqualValues(t, desired, d.check.created, "created")
			assert.EqualValues(t, desired, d.check.deleted, "deleted")
			assert.EqualValues(t, 2*desired+6, passes)
		})
	}
}

// TestCrashAtEveryWrite kills the agent after the nth write of an undisturbed
// rollout, for every n, and finds the same end as without.
func TestCrashAtEveryWrite(t *testing.T) {
	for crash := range 40 {
		t.Run(fmt.Sprint(crash), func(t *testing.T) {
			d := drive(t, 5)
			d.crashAt = crash
			d.request("tomcat:8")
			d.run(100)
			assert.Equal(t, []int{5, 5}, []int{d.check.created, d.check.deleted})
		})
	}
}

// TestBrokenOldPods: pods that serve nobody are replaced, though there are fewer
// available than there should be; and only against new ones that are.
func TestBrokenOldPods(t *testing.T) {
	d := drive(t, 5)
	d.breakPods("tomcat:7", cannotPull("not found"))
	d.request("tomcat:8")
	for range 60 {
		if !d.pending() {
			break
		}
		available := int32(0)
		if rc := d.owned("tomcat:8"); rc != nil {
			available = rc.status.available
		}
		d.pass()
		if rc := d.rcs[tomcat]; rc.image == "tomcat:7" {
			assert.GreaterOrEqual(t, rc.replicas, 5-available, "an old pod goes for every new one")
		}
	}
	assert.False(t, d.pending())
}

// breakPods has all pods of an image fail to serve, and others that are created later.
func (d *driver) breakPods(image string, defect *defect) {
	d.setDefect(image, defect)
	for _, pod := range d.podsInOrder() {
		if pod.image == image && pod.ready {
			d.take(step{kind: faultStarts, fault: podFlap, name: pod.name})
		}
	}
	d.rest()
}

// TestUpdatePeriod: a period passes between two scale-ups, the first comes at once,
// and a rollback does not wait.
func TestUpdatePeriod(t *testing.T) {
	d := drive(t, 3, "update-period=1m")
	d.request("tomcat:8")
	d.passes(8)
	assert.EqualValues(t, 1, d.owned("tomcat:8").replicas)
	d.now += 20 * time.Second
	assert.Zero(t, d.pass())
	result, err := d.agents[0].brain.outcome()
	require.NoError(t, err)
	assert.InDelta(t, 40, result.RequeueAfter.Seconds(), 1)

	assert.NotZero(t, d.wait(result.RequeueAfter))
	assert.EqualValues(t, 2, d.owned("tomcat:8").replicas)

	before := d.now
	d.request("tomcat:7")
	d.run(20)
	assert.Less(t, d.now-before, time.Minute)
}

// TestHiddenPods: between a scale-up and the first status that shows its pods, a
// retarget must not take the pods for gone.
func TestHiddenPods(t *testing.T) {
	d := drive(t, 1)
	noPods := func(s step) bool { return s.kind == managerSeesPod }
	d.request("tomcat:8")
	d.passes(1)
	require.Zero(t, d.owned("tomcat:8").replicas)
	d.passUnless(noPods)
	hidden := d.owned("tomcat:8")
	require.EqualValues(t, 1, hidden.replicas)
	require.Equal(t, hidden.generation, hidden.status.observed, "a status of this spec")
	require.Zero(t, hidden.status.pods, "of a cache that lacks the pod")
	d.request("tomcat:9")
	for range 5 {
		d.passUnless(noPods)
		pods, _ := d.count()
		assert.LessOrEqual(t, pods, 2)
	}
	d.run(30)
}

// TestPodDiesDuringAdoption: it cannot be replaced before the rollout is over, and
// the rollout is not held up by it.
func TestPodDiesDuringAdoption(t *testing.T) {
	d := drive(t, 3)
	d.request("tomcat:8")
	for range 30 {
		if d.rcs[tomcat].adopting() != "" {
			break
		}
		d.pass()
	}
	require.NotEmpty(t, d.rcs[tomcat].adopting())
	d.take(step{kind: faultStarts, fault: podDeath, name: d.podsInOrder()[0].name})
	d.rest()
	d.run(10)
}

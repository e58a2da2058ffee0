package rollout_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// TestProperties lets anything happen in any order, the agent be killed between any
// two writes, and checks after each write that no bound is overstepped by it; then
// it lets the cluster come to rest and checks that the last request is fulfilled and
// nothing left over.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.Int32Range(0, 8).Draw(t, "desired"),
			rapid.SampledFrom([]string{"0", "1", "2", "25%", "100%"}).Draw(t, "surge"),
			rapid.SampledFrom([]string{"0", "1", "2", "25%", "100%"}).Draw(t, "unavailable"))
		w.strategy.UpdatePeriod = rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "period")
		w.strategy.OnFailure = rapid.SampledFrom([]api.OnFailure{api.Hold, api.Rollback}).Draw(t, "on failure")
		w.request("v8")
		t.Repeat(map[string]func(*rapid.T){
			"agent":    func(t *rapid.T) { guardedPass(t, w) },
			"manager":  func(t *rapid.T) { step(t, w) },
			"manager2": func(t *rapid.T) { step(t, w) },
			"progress": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "passes") {
					guardedPass(t, w)
					w.settle()
				}
			},
			"time":    func(*rapid.T) { w.now = w.now.Add(time.Second) },
			"hour":    func(*rapid.T) { w.now = w.now.Add(time.Hour) },
			"restart": func(*rapid.T) { w.restart() },
			"blind":   func(*rapid.T) { w.blind = !w.blind },
			"bad template": func(t *rapid.T) {
				trouble := rapid.SampledFrom([]*rollout.PodProblem{nil, badImage, slow}).Draw(t, "trouble")
				w.broken[rapid.SampledFrom([]string{"tomcat", "tomcat-v8", "tomcat-v9"}).Draw(t, "member")] = trouble
			},
			"request": func(t *rapid.T) { w.request(rapid.SampledFrom([]string{"v7", "v8", "v9"}).Draw(t, "template")) },
			"scale": func(t *rapid.T) {
				if w.pending {
					w.desired = rapid.Int32Range(0, 8).Draw(t, "desired")
				}
			},
			"pause": func(*rapid.T) { w.strategy.Paused = !w.strategy.Paused },
			"": func(t *rapid.T) {
				if w.harm != "" {
					t.Fatal(w.harm)
				}
			},
		})
		w.strategy.Paused = false
		clear(w.broken)
		settleAndCheck(t, w)
	})
}

// guardedPass is a pass of which only the first writes may happen. Each must keep
// the bounds, or not make worse what others made of them. A pod that has just become
// available may be taken for a broken one; a status that does not tell of it yet is
// all that there is to go by.
func guardedPass(t *rapid.T, w *world) {
	if !w.pending {
		return
	}
	decision := w.decide()
	survive := rapid.IntRange(0, len(decision.Actions)).Draw(t, "writes")
	maxSurge, maxUnavailable := w.strategy.Resolve(w.desired)
	for _, action := range decision.Actions[:survive] {
		pods, available := w.potential(), w.known()
		w.apply(action)
		if w.pending && w.potential() > max(pods, w.desired+maxSurge) {
			t.Fatalf("%s %s %d: %d pods, were %d, desired %d + %d", action.Kind, action.Name, action.Replicas,
				w.potential(), pods, w.desired, maxSurge)
		}
		if w.worst() < min(available, w.desired-maxUnavailable) {
			t.Fatalf("%s %s %d: %d available, %d known before, desired %d - %d", action.Kind, action.Name, action.Replicas,
				w.worst(), available, w.desired, maxUnavailable)
		}
		if action.Kind == rollout.DeleteOwned && w.deleted != w.created && w.potential() != pods {
			t.Fatalf("%s had pods", action.Name)
		}
	}
}

// step is one thing that one ReplicationController manager does. Pods that cease to
// be available show in the status at once: no controller can know them sooner.
func step(t *rapid.T, w *world) {
	c := rapid.SampledFrom(w.all()).Draw(t, "controller")
	switch rapid.SampledFrom([]string{"see", "learn", "manage", "publish", "ready", "broken", "evicted", "collect"}).Draw(t, "step") {
	case "see":
		c.seePods()
	case "learn":
		w.seeSpec(c)
	case "manage":
		w.manage(c)
	case "publish":
		c.publish()
	case "ready":
		if c.available < c.pods {
			c.available++
		}
	case "broken":
		if c.available > 0 {
			c.available--
			c.cachedOK = min(c.cachedOK, c.available)
			c.statusOK = min(c.statusOK, c.available)
		}
	case "evicted":
		if c.pods > 0 {
			c.pods--
			c.available = min(c.available, c.pods)
			c.cachedOK = min(c.cachedOK, c.available)
			c.statusOK = min(c.statusOK, c.available)
		}
	case "collect":
		clear(w.gone)
	}
}

func settleAndCheck(t *rapid.T, w *world) {
	w.settle()
	// Every pod may need one pass up and one down; the templates before the last may
	// have to be undone.
	if passes, ok := w.run(60); !ok {
		t.Fatalf("not finished after %d passes: %+v, %+v", passes, w.snapshot(), w.decide())
	}
	w.settle()
	if w.live != w.requested && w.requested != "" {
		t.Fatalf("live is %s, requested was %s", w.live, w.requested)
	}
	if len(w.next) > 0 || w.orphans > 0 || w.sealed != "" || w.adopting != "" {
		t.Fatalf("left over: %+v", w)
	}
	if w.rc.pods != w.desired || w.rc.replicas != w.desired {
		t.Fatalf("%d pods, %d replicas, desired %d", w.rc.pods, w.rc.replicas, w.desired)
	}
	if len(w.conditions) != 1 || !slices.Contains([]string{rollout.ReasonComplete, rollout.ReasonRolledBack}, w.conditions[0].Reason) {
		t.Fatalf("conditions: %+v", w.conditions)
	}
}

// TestCrashAtEveryWrite kills the agent after the nth write of an undisturbed
// rollout, for every n, and finds the same end as without.
func TestCrashAtEveryWrite(t *testing.T) {
	for crash := range 40 {
		w := newWorld(5, "1", "0")
		w.request("v8")
		writes := 0
		for range 100 {
			if !w.pending {
				break
			}
			for _, action := range w.decide().Actions {
				w.apply(action)
				if writes++; writes == crash {
					break
				}
			}
			w.settle()
		}
		if w.pending || w.created != 5 || w.deleted != 5 || w.rc.pods != 5 || len(w.next) != 0 {
			t.Errorf("crash after write %d: %+v", crash, w)
		}
	}
}

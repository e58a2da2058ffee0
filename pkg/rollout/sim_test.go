package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// world is a small model of a cluster with one rollout: ReplicationControllers
// whose manager lags behind, and a webhook that carries plans out. Templates are
// named by their hash.
type world struct {
	rc   *controller
	next map[string]*controller

	live, requested  string
	desired          int32
	pending          bool
	sealed, adopting string
	orphans          int32
	gone             map[string]int32 // pods that still have a deleted controller

	strategy   api.Strategy
	conditions []corev1.ReplicationControllerCondition
	lastUp     time.Time
	lastStep   time.Time
	problem    *rollout.PodProblem
	now        time.Time

	// broken are the members whose new pods do not become available, and why.
	broken map[string]*rollout.PodProblem

	// blind agents never look at pods.
	blind bool

	uids    int
	created int32
	deleted int32
	log     []string

	// harm is the first thing that must never happen.
	harm string
}

// controller is a ReplicationController: its spec and its pods as they are, as the
// caches of its manager show them, and as its status tells of them.
type controller struct {
	name       string
	uid        types.UID
	generation int
	replicas   int32

	pods, available  int32
	cached, cachedOK int32

	seen spec

	observed   int
	statusPods int32
	statusOK   int32
	failing    bool
}

// spec is what a manager acts on.
type spec struct {
	generation       int
	replicas         int32
	sealed, adopting bool
}

func newWorld(desired int32, surge, unavailable string) *world {
	w := &world{
		rc:      &controller{name: "tomcat", uid: "rc", generation: 1},
		next:    map[string]*controller{},
		gone:    map[string]int32{},
		live:    "v7",
		desired: desired,
		strategy: api.Strategy{
			MaxSurge: intstr.Parse(surge), MaxUnavailable: intstr.Parse(unavailable),
			ProgressDeadline: 10 * time.Minute, OnFailure: api.Hold,
		},
		broken: map[string]*rollout.PodProblem{},
		now:    time.Unix(1000, 0),
	}
	w.rc.replicas = desired
	w.settle()
	w.created = 0
	return w
}

func (w *world) request(template string) {
	w.requested = template
	w.pending = true
}

func (w *world) all() []*controller {
	all := []*controller{w.rc}
	for _, next := range w.next {
		all = append(all, next)
	}
	slices.SortFunc(all, func(a, b *controller) int { return strings.Compare(a.name, b.name) })
	return all
}

// manage is what the ReplicationController manager does with one controller when it
// has seen all its own writes: the pods follow the spec as it knows it, those that
// are not available go first. Sealed, it sees no pods and wants none; otherwise it
// adopts what has no controller.
func (w *world) manage(c *controller) {
	if c.cached != c.pods || c.seen.sealed {
		return
	}
	if c == w.rc && w.orphans > 0 {
		if !c.seen.adopting {
			w.harmed("a manager that does not know of the seal takes the orphans")
		}
		c.pods, c.available = c.pods+w.orphans, c.available+w.orphans
		w.orphans = 0
		return
	}
	switch {
	case c.pods < c.seen.replicas && !c.seen.adopting:
		w.created += c.seen.replicas - c.pods
		c.pods = c.seen.replicas
	case c.pods > c.seen.replicas:
		w.deleted += c.pods - c.seen.replicas
		c.pods = c.seen.replicas
		c.available = min(c.available, c.pods)
	}
}

func (w *world) harmed(how string) {
	if w.harm == "" {
		w.harm = how
	}
}

// seePods and seeSpec bring the manager's caches up to date.
func (c *controller) seePods() { c.cached, c.cachedOK = c.pods, c.available }

func (w *world) seeSpec(c *controller) {
	c.seen = spec{generation: c.generation, replicas: c.replicas}
	if c == w.rc {
		c.seen.sealed, c.seen.adopting = w.sealed != "", w.adopting != ""
	}
}

func (c *controller) publish() {
	c.observed, c.statusPods, c.statusOK = c.seen.generation, c.cached, min(c.cachedOK, c.available)
	c.failing = c.seen.adopting && c.cached < c.seen.replicas // the policy refuses new pods
}

// settle lets everything happen that happens by itself.
func (w *world) settle() {
	clear(w.gone)
	for range 3 {
		for _, c := range w.all() {
			w.seeSpec(c)
			c.seePods()
			w.manage(c)
			if w.broken[c.name] == nil {
				c.available = c.pods
			}
			c.seePods()
			c.publish()
		}
	}
}

func (w *world) snapshot() rollout.Snapshot {
	s := rollout.Snapshot{
		RC: member(w.rc), Desired: w.desired, Requested: w.requested, Live: w.live,
		Sealed: w.sealed, Adopting: w.adopting, Strategy: w.strategy,
		Conditions: w.conditions, Now: w.now,
		Memory: rollout.Memory{LastScaleUp: w.lastUp, LastStep: w.lastStep, Problem: w.problem},
	}
	for _, next := range w.next {
		s.Owned = append(s.Owned, member(next))
	}
	return s
}

// decide answers what is asked, as the agent does. A blind one puts inspections off.
func (w *world) decide() rollout.Decision {
	s := w.snapshot()
	for range 5 {
		decision := rollout.Decide(s)
		switch {
		case decision.Question == rollout.CountPods:
			s.Pods = &rollout.Pods{OfRC: w.rc.pods, Orphans: w.orphans, OfNewRC: w.gone[s.NewRCName()]}
		case decision.Question == rollout.CheckName:
			s.Name = rollout.NameFree
		case decision.Awaits != nil && !w.blind && !s.Inspection.Fresh:
			report := &rollout.PodReport{Problem: w.broken[decision.Awaits.Name]}
			s.Inspection = rollout.Inspection{Of: decision.Awaits.UID, Report: report, Fresh: true}
		default:
			return decision
		}
	}
	panic("asked for ever")
}

func member(c *controller) rollout.Member {
	return rollout.Member{
		Name: c.name, UID: c.uid, Replicas: c.replicas, StatusObserved: c.observed >= c.generation,
		Pods: c.statusPods, Available: c.statusOK, Failing: c.failing,
	}
}

// apply does what the agent and the webhook do.
func (w *world) apply(action rollout.Action) {
	switch action.Kind {
	case rollout.CreateNewRC:
		w.uids++
		w.next[action.Name] = &controller{name: action.Name, uid: types.UID(fmt.Sprint("next", w.uids)), generation: 1}
	case rollout.ScaleOwned:
		w.next[action.Name].scale(action.Replicas)
	case rollout.DeleteOwned:
		w.deleted += w.next[action.Name].pods
		delete(w.next, action.Name)
	case rollout.OrphanPods:
		next := w.next[action.Name]
		w.orphans = next.pods
		if next.pods < next.replicas {
			w.gone[action.Name] = next.replicas - next.pods // being created just now
		}
		delete(w.next, action.Name)
	case rollout.SetConditions:
		w.setConditions(action.Conditions)
	case rollout.SendCommand:
		w.send(action.Command)
	}
	if action.Kind != rollout.SetConditions {
		w.lastStep = w.now
	}
	if action.ScaleUp {
		w.lastUp = w.now
	}
	for _, event := range action.Events {
		w.log = append(w.log, event.Message)
	}
}

func (c *controller) scale(replicas int32) {
	c.replicas = replicas
	c.generation++
}

func (w *world) send(plan api.Command) {
	w.rc.generation++
	switch plan.Operation {
	case api.Scale:
		w.rc.replicas = plan.Replicas
	case api.Seal:
		if w.rc.pods > 0 || len(w.next) != 1 {
			w.harmed("sealed with other pods than the next one's")
		}
		w.sealed, w.live, w.rc.replicas = w.requested, w.requested, 0
	case api.Adopt:
		if plan.Replicas != w.orphans+w.rc.pods || w.gone[api.NewRCName("tomcat", w.sealed)] > 0 {
			w.harmed(fmt.Sprintf("adopts %d of %d orphans", plan.Replicas, w.orphans))
		}
		w.sealed, w.adopting, w.rc.replicas = "", w.sealed, plan.Replicas
	case api.Cancel:
		w.requested = w.live
	case api.Open:
		if w.orphans > 0 {
			w.harmed("opened with orphans")
		}
		w.adopting = ""
		if w.live == w.requested {
			w.rc.replicas = w.desired
		}
	case api.Finish:
		if w.sealed != "" || w.adopting != "" || w.live != w.requested {
			w.harmed("finished before the end")
		}
		w.pending = false
		w.rc.replicas = w.desired
	}
}

func (w *world) setConditions(change rollout.ConditionChange) {
	w.conditions = slices.DeleteFunc(w.conditions, func(have corev1.ReplicationControllerCondition) bool {
		replaced := slices.ContainsFunc(change.Set, func(set corev1.ReplicationControllerCondition) bool {
			return set.Type == have.Type
		})
		return replaced || slices.Contains(change.Remove, have.Type)
	})
	w.conditions = append(w.conditions, change.Set...)
	w.problem = change.Problem
}

// restart forgets what the agent remembers.
func (w *world) restart() { w.lastUp, w.lastStep, w.problem = w.now, time.Time{}, nil }

// pass is one pass of the agent.
func (w *world) pass() rollout.Decision {
	decision := w.decide()
	for _, action := range decision.Actions {
		w.apply(action)
	}
	return decision
}

// run passes until the rollout is over; it returns the passes that did something.
func (w *world) run(limit int) (passes int, ok bool) {
	for range limit {
		if !w.pending {
			return passes, true
		}
		if decision := w.pass(); len(decision.Actions) > 0 {
			passes++
		}
		w.settle()
		w.now = w.now.Add(w.strategy.UpdatePeriod)
	}
	return passes, !w.pending
}

// potential is the number of pods that there are or, if every manager does what it
// was told, will be; worst is the number of those that are available and stay; known
// is how many of them the statuses tell of.
func (w *world) potential() int32 {
	total := w.orphans
	for _, c := range w.all() {
		total += max(c.replicas, c.pods)
	}
	return total - w.counted()
}

func (w *world) worst() int32 {
	total := w.orphans
	for _, c := range w.all() {
		total += min(c.replicas, c.available)
	}
	return total
}

func (w *world) known() int32 {
	total := w.orphans
	for _, c := range w.all() {
		total += min(c.replicas, c.available, c.statusOK)
	}
	return total
}

// counted are the orphans that the RC was already told to have.
func (w *world) counted() int32 {
	if w.adopting == "" {
		return 0
	}
	return min(w.orphans, max(0, w.rc.replicas-w.rc.pods))
}

package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
)

// administrator makes, changes and deletes RolloutPolicies at any moment, and has a user
// override one: in every third seed. In the others nobody does, as without their resource definition.
type administrator struct {
	script []administration
	next   int

	// rescue is what a user does in the end while policies hold everything: it has to
	// come true all the same. Nothing, if that is not tried.
	rescue actionKind

	// arrives: another rollout begins as soon as there is a place.
	arrives bool
}

// administration is one thing that it does.
type administration struct {
	kind administrationKind
	name string // of a policy
	spec v1alpha1.RolloutPolicySpec

	// lasts is how long a window does.
	lasts time.Duration
}

type administrationKind string

const (
	putPolicy        administrationKind = "put"
	deletePolicy     administrationKind = "delete"
	deletePolicies   administrationKind = "delete all"
	overridePolicy   administrationKind = "override"
	neighbourArrives administrationKind = "let another rollout begin"
	neighbourLeaves  administrationKind = "let the other rollout end"
)

func (a administration) String() string { return fmt.Sprint(a.kind, " ", a.name) }

// administratorSeeds are those with one: every third, by a sequence of their own.
func newAdministrator(seed uint64) (administrator, bool) {
	random := rand.New(rand.NewPCG(seed, 4))
	if random.IntN(3) > 0 {
		return administrator{}, false
	}
	a := administrator{rescue: []actionKind{"", cancelRequest, requestLive}[random.IntN(3)]}
	if random.IntN(3) == 0 {
		a.script = append(a.script, queueOfOne(), administration{kind: neighbourArrives})
	}
	for range 2 + random.IntN(6) {
		a.script = append(a.script, anyAdministration(random))
	}
	return a, random.IntN(2) == 0
}

func queueOfOne() administration {
	return administration{kind: putPolicy, name: "queue", spec: v1alpha1.RolloutPolicySpec{MaxConcurrentRollouts: ptr.To[int32](1)}}
}

func anyAdministration(random *rand.Rand) administration {
	amount := func() *intstr.IntOrString {
		return ptr.To(intstr.Parse([]string{"0", "1", "2", "50%", "100%"}[random.IntN(5)]))
	}
	put := func(name string, spec v1alpha1.RolloutPolicySpec) administration {
		return administration{kind: putPolicy, name: name, spec: spec}
	}
	switch random.IntN(16) {
	case 0, 1:
		return put("freeze", v1alpha1.RolloutPolicySpec{Frozen: &v1alpha1.Freeze{Reason: "incident"}})
	case 2, 3:
		window := put("window", v1alpha1.RolloutPolicySpec{
			Windows: []v1alpha1.Window{{Kind: v1alpha1.Deny}},
			OnClose: []v1alpha1.OnClose{v1alpha1.OnCloseFinish, v1alpha1.OnCloseHold}[random.IntN(2)],
		})
		window.lasts = []time.Duration{3 * time.Second, time.Minute, time.Hour}[random.IntN(3)]
		return window
	case 4, 5:
		return queueOfOne()
	case 6:
		return put("defaults", v1alpha1.RolloutPolicySpec{Priority: random.Int32N(3), Defaults: anyDefaults(random)})
	case 7:
		// One of maxSurge and maxUnavailable must be more than 0.
		return put("urgent", v1alpha1.RolloutPolicySpec{Priority: 1, Defaults: &v1alpha1.RolloutDefaults{
			MaxSurge: amount(), MaxUnavailable: ptr.To(intstr.FromInt32(1))}})
	case 8:
		return put("limits", v1alpha1.RolloutPolicySpec{Limits: &v1alpha1.RolloutLimits{MaxSurge: amount(), MaxUnavailable: amount()}})
	case 9:
		elsewhere := metav1.LabelSelector{MatchLabels: map[string]string{"app": "other"}}
		return put("elsewhere", v1alpha1.RolloutPolicySpec{Selector: &elsewhere, Frozen: &v1alpha1.Freeze{Reason: "incident"}, Defaults: anyDefaults(random)})
	case 10:
		return administration{kind: deletePolicy, name: []string{"freeze", "window", "queue", "defaults"}[random.IntN(4)]}
	case 11:
		return administration{kind: deletePolicies}
	case 12, 13:
		return administration{kind: overridePolicy, name: []string{"freeze", "window", "queue"}[random.IntN(3)]}
	case 14:
		return administration{kind: neighbourLeaves}
	}
	return administration{kind: neighbourArrives}
}

func anyDefaults(random *rand.Rand) *v1alpha1.RolloutDefaults {
	d := &v1alpha1.RolloutDefaults{}
	if random.IntN(2) == 0 {
		d.MaxSurge = ptr.To(intstr.Parse([]string{"1", "2", "50%"}[random.IntN(3)]))
	}
	if random.IntN(2) == 0 {
		d.MaxUnavailable = ptr.To(intstr.Parse([]string{"0", "1", "50%"}[random.IntN(3)]))
	}
	if random.IntN(3) == 0 {
		d.UpdatePeriod = ptr.To(v1alpha1.Duration("1s"))
	}
	if random.IntN(3) == 0 {
		d.OnFailure, d.ProgressDeadline = v1alpha1.Rollback, ptr.To(v1alpha1.Duration("10s"))
	}
	return d
}

func (w *World) administratorSteps(steps []step) []step {
	a := &w.administrator
	if a.next < len(a.script) {
		steps = append(steps, step{kind: administratorActs})
	}
	// One that begins has been given its place while this one asks for none.
	if a.arrives && w.isAtRest() {
		steps = append(steps, step{kind: neighbourBegins})
	}
	return steps
}

func (w *World) neighbourBegins() {
	w.tell("another rollout begins")
	w.administrator.arrives = false
	w.setNeighbour(true)
}

func (w *World) administratorActs() {
	a := w.administrator.script[w.administrator.next]
	w.administrator.next++
	w.tell("an administrator does: %s", a)
	switch a.kind {
	case putPolicy:
		w.putPolicy(a)
	case deletePolicy:
		w.changePolicies(func(specs map[string]v1alpha1.RolloutPolicySpec) { delete(specs, a.name) })
	case deletePolicies:
		w.liftPolicies()
	case overridePolicy:
		_, err := w.updateRC(requester{user: someUser, fieldManager: "kubectl-annotate"}, tomcat, preconditions{},
			func(object map[string]any) { setAnnotation(object, api.OverrideAnnotation, a.name) })
		w.tell("a user overrides %s: %v", a.name, err)
	case neighbourArrives:
		w.administrator.arrives = true
	case neighbourLeaves:
		w.setNeighbour(false)
	}
}

func (w *World) putPolicy(a administration) {
	if a.lasts > 0 {
		window := a.spec.Windows[0]
		from, until := metav1.NewTime(epoch.Add(w.now)), metav1.NewTime(epoch.Add(w.now+a.lasts))
		window.From, window.Until = &from, &until
		a.spec.Windows = []v1alpha1.Window{window}
	}
	w.changePolicies(func(specs map[string]v1alpha1.RolloutPolicySpec) { specs[a.name] = a.spec })
}

// liftPolicies deletes all.
func (w *World) liftPolicies() {
	w.changePolicies(func(specs map[string]v1alpha1.RolloutPolicySpec) { clear(specs) })
}

// liftAllButQueue leaves a place to wait for, if there is one.
func (w *World) liftAllButQueue() {
	w.changePolicies(func(specs map[string]v1alpha1.RolloutPolicySpec) {
		maps.DeleteFunc(specs, func(name string, _ v1alpha1.RolloutPolicySpec) bool { return name != "queue" })
	})
}

// changePolicies has everybody hear of a change, and the promises with them.
func (w *World) changePolicies(change func(map[string]v1alpha1.RolloutPolicySpec)) {
	p := w.policies
	if p.specs == nil {
		p.specs = map[string]v1alpha1.RolloutPolicySpec{}
	}
	change(p.specs)
	p.compile()
	if rc := w.rcs[tomcat]; rc != nil {
		rebound := *rc
		rebound.bounds = w.boundsOf(rc, annotationsOf(rc.object))
		w.rcs[tomcat] = &rebound
		w.check.promiseChanged(w)
	}
	w.eachProcess(func(p *process, cache map[string]*RC) { p.policiesChanged(cache) })
}

func annotationsOf(object map[string]any) map[string]string {
	annotations := map[string]string{}
	for key, value := range entriesOf(object, "annotations") {
		annotations[key], _ = value.(string)
	}
	return annotations
}

func (w *World) setNeighbour(rolls bool) {
	if w.policies.neighbour == rolls {
		return
	}
	w.policies.neighbour = rolls
	w.policies.revision++
	w.eachProcess(func(p *process, cache map[string]*RC) { p.neighbourChanged(cache) })
}

func (w *World) eachProcess(tell func(*process, map[string]*RC)) {
	for _, a := range w.agents {
		if p, ok := a.brain.(*process); ok {
			tell(p, a.rcs.snapshot())
			a.queued = p.wasWoken() || a.queued
		}
	}
}

// isAtRest reports whether there is no rollout, and no agent believes that there is.
func (w *World) isAtRest() bool {
	if rc := w.rcs[tomcat]; rc != nil && rc.bounds.pending {
		return false
	}
	for _, a := range w.agents {
		if a.call != nil || a.queued || len(a.rcs.pending)+len(a.rcs.cache) > 0 {
			return false
		}
	}
	return true
}

// holdEverything is for the end of the trouble: whoever is rescued now is so all the same.
func (w *World) holdEverything() {
	w.setNeighbour(true)
	w.changePolicies(func(specs map[string]v1alpha1.RolloutPolicySpec) {
		specs["freeze"] = v1alpha1.RolloutPolicySpec{Frozen: &v1alpha1.Freeze{Reason: "incident"}}
		specs["window"] = v1alpha1.RolloutPolicySpec{Windows: []v1alpha1.Window{{Kind: v1alpha1.Deny}}, OnClose: v1alpha1.OnCloseHold}
		specs["queue"] = queueOfOne().spec
	})
}

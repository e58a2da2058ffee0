package sim

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// view is what an agent goes by in a pass: P10 and P11 are about that.
type view struct {
	rc       *RC
	known    map[string]*RC
	revision int

	// atPause: it waits at a pause of its steps, where it is scaled as its users ask.
	atPause bool

	// rescue: it goes back to the live template, or ends a promotion. held: policies hold
	// it, which is none. rollsBack: a policy has failed rollouts rolled back.
	rescue, held, rollsBack bool
}

// viewOf is what there is to know when a pass begins.
func (w *World) viewOf(a *agent) view {
	p := w.policies
	rc := a.rcs.cache[tomcat]
	v := view{rc: rc, revision: p.revision}
	if len(p.specs) == 0 || rc == nil || !rc.bounds.pending {
		return v
	}
	v.known = a.rcs.snapshot()
	d := p.defaults()
	v.rollsBack = d != nil && d.OnFailure != ""
	v.rescue, v.atPause = w.isRescue(rc), reasonOf(rc.object) == rollout.ReasonPausedAtStep
	v.held = !v.rescue && w.isHeld(a, rc)
	return v
}

// isRescue reports whether the live template is requested, or a promotion has begun.
func (w *World) isRescue(rc *RC) bool {
	if rc.sealed() != "" || rc.adopting() != "" {
		return true
	}
	request := w.requests[annotationOf(rc.object, api.RequestAnnotation)].Hash(api.DefaultHashLabelKey)
	return request == rc.spec.Hash(api.DefaultHashLabelKey) || request == annotationOf(rc.object, api.PromotedAnnotation)
}

// hasBegun reports whether a rollout has a ReplicationController of its own.
func hasBegun(rc *RC, known map[string]*RC) bool {
	for _, other := range known {
		if other.owner.uid == rc.uid {
			return true
		}
	}
	return false
}

// isHeld reports whether policies hold what the agent knows, and that is no rescue.
func (w *World) isHeld(a *agent, rc *RC) bool {
	overridden := map[string]bool{}
	for _, name := range api.OverriddenPolicies(annotationsOf(rc.object), epoch.Add(w.now)) {
		overridden[name] = true
	}
	return w.policies.holds(w.now, hasBegun(rc, a.rcs.cache), overridden)
}

// called checks what an agent is about to write. Policies that change during a pass may come
// before or after it.
func (c *checker) called(w *World, a *agent) {
	v := a.view
	if v.revision != w.policies.revision || v.rc == nil || !v.rc.bounds.pending || len(w.policies.specs) == 0 || !a.call.writes() {
		return
	}
	if a.call.verb == patchStatus {
		c.told(w, a, progressingIn(a.call))
		return
	}
	if v.held && !v.atPause && w.isHeld(a, v.rc) && !follows(a.call, v) {
		c.fail("P11", "policies hold %s, and the agent does %s", tomcat, a.call)
	}
}

// follows reports whether what an agent is about to write brings what has not begun to the
// number of pods that is desired.
func follows(c *call, v view) bool {
	var patch struct {
		Metadata struct{ Annotations map[string]string }
		Spec     struct{ Replicas *int32 }
	}
	if c.verb != patchRC || json.Unmarshal(c.patch, &patch) != nil {
		return false
	}
	to := patch.Spec.Replicas
	if text, isCommand := patch.Metadata.Annotations[api.CommandAnnotation]; isCommand {
		command, err := api.ParseCommand(text)
		if err != nil || command.Operation != api.Scale {
			return false
		}
		to = &command.Replicas
	}
	if to == nil {
		return false
	}
	desired, from := v.rc.bounds.desired, v.rc.replicas
	return c.name == tomcat && !hasBegun(v.rc, v.known) && (from < *to && *to <= desired || from > *to && *to == desired)
}

// told checks what conditions say: P10, nothing holds a rescue; P11, what is held is told so
// and otherwise left alone (but for its scale), and nothing else is.
func (c *checker) told(w *World, a *agent, reason string) {
	switch reason {
	case rollout.ReasonPausedAtStep:
		a.view.atPause = true
	case rollout.ReasonFrozen, rollout.ReasonOutsideWindow, rollout.ReasonQueued:
		if a.view.rescue {
			c.fail("P10", "a rescue is told to be held: %s", reason)
		}
		if !a.view.held && !w.isHeld(a, a.view.rc) {
			c.fail("P11", "nothing holds %s, and it is told: %s", tomcat, reason)
		}
	}
}

// progressingIn is the reason of that condition in a patch of the status.
func progressingIn(c *call) string {
	object := &unstructured.Unstructured{}
	if object.UnmarshalJSON(append([]byte(`{"apiVersion":"v1","kind":"ReplicationController",`), c.patch[1:]...)) != nil {
		return ""
	}
	return reasonOf(object.Object)
}

// reasonOf is the reason of the condition Progressing; empty if there is none.
func reasonOf(object map[string]any) string {
	conditions, _ := rollout.ConditionsOf(&unstructured.Unstructured{Object: object})
	if progressing := rollout.FindCondition(conditions, rollout.Progressing); progressing != nil {
		return progressing.Reason
	}
	return ""
}

// policyRollsBack reports whether the agent may have rolled back by a policy's default.
func (w *World) policyRollsBack(agent int) bool {
	if w.check.cause.kind != agentCalls {
		return false
	}
	v := w.agents[agent].view
	return v.rollsBack || len(w.policies.specs) > 0 && v.revision != w.policies.revision
}

// promiseChanged: policies may make it looser, which counts at once, or stricter. What agents
// do not know yet of the ReplicationController, they go by with the new policies.
func (c *checker) promiseChanged(w *World) {
	if c.uid == "" {
		return
	}
	known := []*RC{w.rcs[tomcat]}
	for _, a := range w.agents {
		known = append(known, a.view.rc, a.rcs.cache[tomcat])
		for _, e := range a.rcs.pending {
			known = append(known, e.object)
		}
	}
	for _, rc := range known {
		if rc != nil && rc.name == tomcat {
			b := w.boundsOf(rc, annotationsOf(rc.object))
			c.floor, c.ceiling = min(c.floor, int(b.minAvailable)), max(c.ceiling, int(b.maxPods))
		}
	}
}

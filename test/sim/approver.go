package sim

import (
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// approver is a user who approves each pause of a rollout in steps, some time after
// having seen it: another request may have come meanwhile.
type approver struct{ seen api.Approval }

// approverSteps are those that it may take now.
func (w *World) approverSteps(steps []step) []step {
	if rc := w.rcs[tomcat]; rc == nil || rc.bounds.steps == "" {
		return steps
	}
	if pause, waits := w.pauseToApprove(); waits && w.approver.seen != pause {
		steps = append(steps, step{kind: approverLooks})
	}
	if w.approver.seen.Step > 0 {
		steps = append(steps, step{kind: approverActs})
	}
	return steps
}

// pauseToApprove is the first pause without a time that is not approved, if the conditions
// tell of a pause.
func (w *World) pauseToApprove() (api.Approval, bool) {
	rc := w.rcs[tomcat]
	conditions, _ := rollout.ConditionsOf(&unstructured.Unstructured{Object: rc.object})
	progressing := rollout.FindCondition(conditions, rollout.Progressing)
	if !rc.bounds.pending || progressing == nil || progressing.Reason != rollout.ReasonPausedAtStep {
		return api.Approval{}, false
	}
	hash := w.requests[annotationOf(rc.object, api.RequestAnnotation)].Hash(api.DefaultHashLabelKey)
	approved := api.ApprovedStep(entriesOfText(rc.object), hash)
	for i, word := range strings.Split(rc.bounds.steps, ",") {
		if word == "pause" && i+1 > approved {
			return api.Approval{Hash: hash, Step: i + 1}, true
		}
	}
	return api.Approval{}, false
}

func entriesOfText(object map[string]any) map[string]string {
	return map[string]string{api.ApproveAnnotation: annotationOf(object, api.ApproveAnnotation)}
}

func (w *World) approverLooks() {
	w.approver.seen, _ = w.pauseToApprove()
}

func (w *World) approverActs() {
	value := w.approver.seen.String()
	w.approver.seen = api.Approval{}
	_, err := w.updateRC(requester{user: someUser, fieldManager: "kubectl-annotate"}, tomcat, preconditions{},
		func(object map[string]any) { setAnnotation(object, api.ApproveAnnotation, value) })
	w.tell("a user approves %s: %v", value, err)
}

// stepSize is up to how many new pods there may be, if that many steps are approved by a
// user. It is not the product's arithmetic, either.
func (b bounds) stepSize(approved int) int32 {
	size := int32(0)
	if b.steps == "" {
		return b.desired
	}
	for i, word := range strings.Split(b.steps, ",") {
		switch {
		case word == "pause" && i+1 > approved:
			return size
		case !strings.HasPrefix(word, "pause"):
			size = max(size, min(b.desired, share(word, 0, b.desired, 99)))
		}
	}
	return b.desired
}

// stepLevels are the most pods of each image that a step allows: by what is true, or was
// since the last calm, for a decision may be on its way. approved is up to which step a
// user approved the request that is pending.
type stepLevels struct {
	approved int
	most     map[string]int32
}

// requestChanged is told of every write of the RC.
func (l *stepLevels) requestChanged(before, after *RC, approves bool) {
	if after.bounds.steps == "" {
		return
	}
	if before.bounds.requested != after.bounds.requested {
		l.approved = 0
	}
	if approval, err := api.ParseApproval(annotationOf(after.object, api.ApproveAnnotation)); err == nil && approves {
		l.approved = max(l.approved, approval.Step)
	}
	l.most = maps.Clone(l.most)
	if l.most == nil {
		l.most = map[string]int32{}
	}
	l.most[after.bounds.requested] = max(l.most[after.bounds.requested], after.bounds.stepSize(l.approved))
}

// settle forgets what was true before, in a moment of calm.
func (l *stepLevels) settle(rc *RC) {
	l.most = map[string]int32{rc.bounds.requested: rc.bounds.stepSize(l.approved)}
}

// ownedChanged is told of every write of an owned ReplicationController.
func (c *checker) ownedChanged(w *World, before, after *RC) {
	rc := w.rcs[tomcat]
	if rc == nil || rc.bounds.steps == "" || before == nil || after == nil || after.name == tomcat || after.replicas <= before.replicas {
		return
	}
	if most := c.levels.most[after.image]; after.replicas > most {
		c.fail("P9", "%s grows to %d pods, step %d allows %d", after.name, after.replicas, c.levels.approved, most)
	}
}

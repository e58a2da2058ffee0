package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rcroll/rcroll/pkg/api"
)

// checker watches over the properties that README.md lists. The numbers of P1 and P2
// are checked at every step, against levels that say what may be expected then:
//
//   - floor, for P1: never fewer available pods. It is desired − maxUnavailable, less
//     the available pods that faults took (decisions that counted on them may be on
//     their way), and less what may go once more while two agents act (see twice);
//     what a user raises it to counts only when it has been reached.
//   - ceiling, for P2: never more pods. It is desired + maxSurge, but it rises by one
//     with every pod that a fault takes (its replacement may be on its way while no
//     status tells of either), and what a user lowers it to counts only when it has
//     been reached.
//
// Both return to the promise in a moment of calm: nobody is in the middle of
// anything, every cache is up to date, and so is every status. So in a run without
// faults of pods and without users who change the numbers, they are the promise
// itself at every step.
type checker struct {
	cause step
	muted bool

	floor, ceiling int

	// lost and gone are the available pods, and the pods, that faults took and that
	// are not made up for.
	lost, gone int

	// twice: two agents acted since the last calm. What may go, each of them may take, for
	// they write different objects and know nothing of each other.
	twice bool

	// uid is that of the RC; empty when it is deleted on a user's word.
	uid string

	// created and deleted count pods, deleted those that were active; rolledBack the
	// rollouts that the agent gave up.
	created, deleted, rolledBack int

	// promoting: a promotion is under way. hurt: a fault befell a pod since the last calm
	// outside of one; excused is how many pods fewer may serve for it.
	promoting, hurt bool
	excused         int

	// levels are those of a rollout in steps.
	levels stepLevels

	// mixed: a user changed the template while no pods were desired and some were still
	// there, so that they may stay.
	mixed bool

	// steps are those checked, strict those with a floor and a ceiling as promised.
	steps, strict int

	// failure is the first thing that must not happen.
	failure string
}

func newChecker() *checker { return &checker{} }

func (c *checker) clone() *checker {
	copied := *c
	return &copied
}

// begin starts with a settled world.
func (c *checker) begin(w *World) {
	rc := w.rcs[tomcat]
	c.uid = rc.uid
	c.floor, c.ceiling = int(rc.bounds.minAvailable), int(rc.bounds.maxPods)
}

func (c *checker) fail(property, format string, args ...any) {
	if c.failure == "" && !c.muted {
		c.failure = property + ": " + fmt.Sprintf(format, args...)
	}
}

func (c *checker) before(s step) { c.cause = s }

// byFault reports whether the step is a fault, and not the work of a controller or user.
func (c *checker) byFault() bool { return c.cause.kind == faultStarts }

// rcChanged is told of every write of a ReplicationController.
func (c *checker) rcChanged(w *World, before, after *RC) {
	if before == nil {
		c.doubled(w, after)
	}
	c.ownedChanged(w, before, after)
	if c.muted || before == nil && after.name != tomcat || before != nil && before.name != tomcat {
		return
	}
	switch {
	case before == nil:
		c.uid, c.floor, c.ceiling = after.uid, 0, max(c.ceiling, len(w.pods)+int(after.bounds.maxPods))
		return
	case after == nil || after.deleting:
		c.rcDeleted(w)
		return
	}
	c.levels.requestChanged(before, after, c.cause.kind == approverActs)
	c.promoting = after.labels[api.SealedLabel] != "" || after.adopting() != ""
	c.floor = min(c.floor, int(after.bounds.minAvailable))
	c.ceiling = max(c.ceiling, int(after.bounds.maxPods))
	if before.image != after.image {
		c.imageChanged(w, before, after)
	}
	if before.bounds.requested != after.bounds.requested && after.bounds.requested == after.image {
		c.cancelled(w, after)
	}
}

// cancelled: who cancels is a user; or the agent, where a user wants that of a rollout
// that fails. From then on the live image is what is wanted.
func (c *checker) cancelled(w *World, rc *RC) {
	if c.cause.kind == userActs {
		return
	}
	if annotationOf(rc.object, api.OnFailureAnnotation) != string(api.Rollback) && !w.policyRollsBack(c.cause.n) {
		c.fail("P5", "%s is rolled back without anybody's wish", tomcat)
	}
	w.users.want.image = rc.image
	c.rolledBack++
}

// rcDeleted: from then on, what becomes of the pods is between the user and the
// garbage collector.
func (c *checker) rcDeleted(w *World) {
	if c.cause.kind != userActs && !w.users.want.absent {
		c.fail("P3", "%s is deleted without anybody's wish", tomcat)
	}
	c.promoting = false
	c.uid, c.floor, c.ceiling = "", 0, max(c.ceiling, len(w.pods))
}

// doubled: two new ReplicationControllers with one selector, once they are open, fight
// over the pods. (The RC itself has the selector of the last one that it took over.)
func (c *checker) doubled(w *World, created *RC) {
	for _, rc := range w.rcs {
		if rc != created && rc.name != tomcat && created.name != tomcat && !rc.deleting &&
			maps.Equal(rc.spec.Unmarked().Selector(), created.spec.Unmarked().Selector()) {
			c.fail("P4", "%s is created besides %s, with the same selector", created.name, rc.name)
		}
	}
}

// imageChanged is P3's second half: the live template becomes another one by a seal,
// when no pod is left of the old one; or on a user's word when there is none to be.
func (c *checker) imageChanged(w *World, before, after *RC) {
	if after.image == forbiddenImage {
		c.fail("P7", "%s goes live, which no user may have", after.image)
	}
	if c.cause.kind == userActs {
		if before.bounds.pending || before.replicas > 0 && after.replicas > 0 {
			c.fail("P3", "a user changed the live image from %s to %s", before.image, after.image)
		}
		c.mixed = c.mixed || len(w.pods) > 0
		return
	}
	for _, pod := range w.pods {
		if pod.active() && pod.owner.uid == before.uid {
			c.fail("P3", "the live image goes from %s to %s while %s has a pod", before.image, after.image, tomcat)
		}
	}
}

// podChanged is told of every write of a pod.
func (c *checker) podChanged(w *World, before, after *Pod) {
	if c.muted {
		return
	}
	was, is := before != nil && before.active(), after != nil && after.active()
	switch {
	case c.byFault():
		w.faults.podsHurt = true
		c.podHurt(before, after)
	case !was && is:
		c.created++
		if c.promoting && !c.hurt {
			c.fail("P4", "%s is created in a promotion", after.name)
		}
	case was && !is:
		c.deleted++
		if c.promoting && c.uid != "" {
			c.podDeletedInPromotion(w, before)
		}
	}
}

// podHurt moves the levels by what a fault took.
func (c *checker) podHurt(before, after *Pod) {
	c.hurt = true
	c.excused++
	if before.available() && (after == nil || !after.available()) {
		c.lost++
	}
	if before.active() && (after == nil || !after.active()) {
		c.gone++
	}
}

// podDeletedInPromotion: none is. But for every pod that a fault takes, another one
// that serves may be, one too many for a manager that still counts the pod that is gone;
// and so may be all that a manager makes in its place for an owner that it does not know
// to be gone.
func (c *checker) podDeletedInPromotion(w *World, pod *Pod) {
	if c.hurt && w.abandoned(pod.owner) {
		return
	}
	if !c.hurt || pod.available() && c.excused == 0 {
		c.fail("P4", "%s is deleted in a promotion", pod.name)
	}
	if pod.available() {
		c.excused--
		c.lost++
	}
}

// count is the number of pods that are there, and of those that are available.
func (w *World) count() (pods, available int) {
	for _, pod := range w.pods {
		if pod.active() {
			pods++
		}
		if pod.available() {
			available++
		}
	}
	return pods, available
}

// after checks the numbers.
func (c *checker) after(w *World) {
	pods, available := w.count()
	rc := w.rcs[tomcat]
	c.twice = c.twice || len(w.agents) > 1
	least, most := c.floor-c.lost, c.ceiling+c.gone
	if c.twice && rc != nil {
		// Each may take what the limits allow to go, and fill all the room with pods of
		// another template.
		least, most = least-int(rc.bounds.maxPods-rc.bounds.minAvailable), most+int(rc.bounds.maxPods)
	}
	if available < least {
		c.fail("P1", "%d pods are available, at least %d must be", available, least)
	}
	if pods > most {
		c.fail("P2", "there are %d pods, no more than %d may be", pods, most)
	}
	if rc == nil || c.uid == "" {
		return
	}
	if rc.uid != c.uid {
		c.fail("P3", "%s has UID %s, it had %s", tomcat, rc.uid, c.uid)
	}
	if rc.bounds.steps != "" && w.calm() {
		c.levels.settle(rc)
	}
	floor, ceiling := int(rc.bounds.minAvailable), int(rc.bounds.maxPods)
	c.steps++
	if c.isBare(floor, ceiling) {
		c.strict++
		if !c.hurt {
			return
		}
	}
	if w.calm() {
		c.settle(w, pods, available)
	}
}

// isBare reports whether the levels are the promise and nothing is excused.
func (c *checker) isBare(floor, ceiling int) bool {
	return c.floor == floor && c.ceiling == ceiling && c.lost == 0 && c.gone == 0 && !c.twice
}

// settle takes back what was excused, in a moment of calm. What is not made up for
// yet stays so.
func (c *checker) settle(w *World, pods, available int) {
	bounds := w.rcs[tomcat].bounds
	c.lost, c.gone = min(c.lost, max(0, c.floor-available)), min(c.gone, max(0, pods-c.ceiling))
	c.twice = len(w.agents) > 1
	if !c.promoting {
		c.hurt, c.excused = false, 0
	}
	c.floor = max(c.floor, min(int(bounds.minAvailable), available))
	c.ceiling = max(int(bounds.maxPods), pods)
}

// calm is a moment in which nobody acts on what is no longer true.
func (w *World) calm() bool {
	m := w.manager
	if len(m.rcs.pending)+len(m.pods.pending)+len(m.syncs)+len(m.queue) > 0 {
		return false
	}
	for _, a := range w.agents {
		if a.call != nil || len(a.rcs.pending) > 0 {
			return false
		}
	}
	pods, available := map[string]int32{}, map[string]int32{}
	for _, pod := range w.pods {
		if pod.active() {
			pods[pod.owner.uid]++
		}
		if pod.available() {
			available[pod.owner.uid]++
		}
	}
	for _, rc := range w.rcs {
		if rc.status.observed < rc.generation || rc.status.pods != pods[rc.uid] || rc.status.available != available[rc.uid] ||
			rc.replicas != pods[rc.uid] {
			return false
		}
	}
	return true
}

// unfinished is what is left to do or was left behind, P5 and P8; nil if all is as
// was asked for last.
func (w *World) unfinished() []string {
	var left []string
	note := func(format string, args ...any) { left = append(left, fmt.Sprintf(format, args...)) }
	want, rc := w.users.want, w.rcs[tomcat]
	if want.absent {
		if len(w.rcs) > 0 || len(w.pods) > 0 {
			note("%d ReplicationControllers and %d pods outlive %s", len(w.rcs), len(w.pods), tomcat)
		}
		return left
	}
	if rc == nil {
		return []string{"there is no " + tomcat}
	}
	if rc.image != want.image || int64(rc.replicas) != want.replicas {
		note("%s has %d replicas of %s, wanted are %d of %s", tomcat, rc.replicas, rc.image, want.replicas, want.image)
	}
	if len(w.rcs) > 1 {
		note("there are other ReplicationControllers: %v", slices.Sorted(maps.Keys(w.rcs)))
	}
	left = append(left, rc.traces()...)
	return append(left, w.unfinishedPods(rc)...)
}

// unfinishedPods are those that are not as they should be. Pods that failed stay, but the
// garbage collector must find them when the RC is deleted.
func (w *World) unfinishedPods(rc *RC) []string {
	var left []string
	pods := 0
	for _, pod := range w.podsInOrder() {
		if pod.failed && !pod.deleting {
			if pod.owner.uid != rc.uid && !w.abandoned(pod.owner) {
				left = append(left, fmt.Sprintf("pod %s has failed, and is of %q", pod.name, pod.owner.uid))
			}
			continue
		}
		pods++
		old := pod.image != rc.image && !w.check.mixed
		if pod.owner.uid != rc.uid || pod.deleting || !pod.ready || old || pod.labels[api.SuccessorLabel] != "" {
			left = append(left, fmt.Sprintf("pod %s: of %q, image %s, ready %t, terminating %t",
				pod.name, pod.owner.uid, pod.image, pod.ready, pod.deleting))
		}
	}
	if wanted := w.users.want.replicas; int64(pods) != wanted {
		left = append(left, fmt.Sprintf("there are %d pods, wanted are %d", pods, wanted))
	}
	return left
}

// traces are what a rollout leaves while it is under way.
func (r *RC) traces() []string {
	var left []string
	for key := range ownEntries(r.object) {
		if key == "annotations/"+api.OverriddenAnnotation && annotationOf(r.object, api.OverrideAnnotation) != "" {
			continue // It is for the next rollout.
		}
		if !slices.Contains(api.Settings, strings.TrimPrefix(key, "annotations/")) {
			left = append(left, key+" is left")
		}
	}
	if r.sealed() != "" || r.adopting() != "" {
		left = append(left, "a mark of the promotion is left")
	}
	return left
}

package rollout_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

var (
	badImage = &rollout.PodProblem{Reason: "ImagePullBackOff", Summary: "container tomcat cannot pull image tomcat:8", Detail: "not found (pod a)"}
	slow     = &rollout.PodProblem{Reason: "NotReady", Summary: "pods do not become ready", Slow: true}
)

// stuck is a rollout of 5 pods whose first new one never becomes available, when the
// agent has done what it can.
func stuck(trouble *rollout.PodProblem) *world {
	w := newWorld(5, "1", "0")
	w.broken["tomcat-v8"] = trouble
	w.request("v8")
	w.passes(6)
	return w
}

func (w *world) passes(n int) {
	for range n {
		w.pass()
		w.settle()
	}
}

// told is "status reason: message" of a condition, empty if it is not there.
func (w *world) told(kind corev1.ReplicationControllerConditionType) string {
	for _, c := range w.conditions {
		if c.Type == kind {
			return string(c.Status) + " " + c.Reason + ": " + c.Message
		}
	}
	return ""
}

const replacing = "Replacing the pods of tomcat by those of tomcat-v8"

func TestTroubleIsToldAtOnce(t *testing.T) {
	w := stuck(badImage)
	const message = replacing + ": ImagePullBackOff: container tomcat cannot pull image tomcat:8: not found (pod a)"
	assert.Equal(t, "True ReplicationControllerUpdated: "+message, w.told(rollout.Progressing))
	assert.Equal(t, "True ImagePullBackOff: "+message, w.told(rollout.Reconciling))
	assert.Empty(t, w.told(rollout.Stalled))
	assert.Equal(t, message, w.log[len(w.log)-1])

	w.broken["tomcat-v8"] = &rollout.PodProblem{Reason: badImage.Reason, Summary: badImage.Summary, Detail: "timeout (pod b)"}
	assert.Empty(t, w.pass().Actions, "another detail is not worth a write")
	w.broken["tomcat-v8"] = &rollout.PodProblem{Reason: "CrashLoopBackOff", Summary: "container tomcat exited with code 137"}
	w.passes(1)
	assert.True(t, strings.HasSuffix(w.told(rollout.Progressing), "exited with code 137"))
	w.broken["tomcat-v8"] = &rollout.PodProblem{Reason: "CrashLoopBackOff", Summary: "container tomcat exited with code 1"}
	w.passes(1)
	assert.True(t, strings.HasSuffix(w.told(rollout.Progressing), "exited with code 1"), "that 1 is no 137")
}

func TestSlownessIsNotToldBeforeTheDeadline(t *testing.T) {
	w := stuck(slow)
	assert.Equal(t, "True ReplicationControllerUpdated: "+replacing, w.told(rollout.Progressing))
	w.now = w.now.Add(10 * time.Minute)
	w.passes(1)
	assert.Equal(t, "False ProgressDeadlineExceeded: "+replacing+": no progress for 10m0s: NotReady: pods do not become ready",
		w.told(rollout.Progressing))
}

func TestHold(t *testing.T) {
	w := stuck(badImage)
	decision := w.pass()
	assert.Empty(t, decision.Actions)
	assert.Equal(t, 10*time.Minute, until(w, time.Minute), "the clock runs from the last step")

	w.passes(1)
	const message = replacing + ": no progress for 10m0s: ImagePullBackOff: container tomcat cannot pull image tomcat:8: not found (pod a)"
	assert.Equal(t, "False ProgressDeadlineExceeded: "+message, w.told(rollout.Progressing))
	assert.Equal(t, "True ImagePullBackOff: "+message, w.told(rollout.Stalled))
	assert.Empty(t, w.told(rollout.Reconciling))
	assert.Equal(t, message, w.log[len(w.log)-1])
	assert.Equal(t, int32(5), w.rc.replicas)
	w.now = w.now.Add(time.Hour)
	assert.Empty(t, w.pass().Actions, "told once")

	delete(w.broken, "tomcat-v8")
	w.settle()
	w.passes(1)
	assert.Equal(t, "True ReplicationControllerUpdated: "+replacing, w.told(rollout.Progressing))
	assert.Empty(t, w.told(rollout.Stalled))
	_, ok := w.run(100)
	assert.True(t, ok)
	assert.Equal(t, "v8", w.live)
	assert.Equal(t, []int32{5, 5}, []int32{w.created, w.deleted})
}

// until lets time pass until something is decided, step by step, and returns how much.
func until(w *world, step time.Duration) time.Duration {
	for passed := time.Duration(0); passed < 100*step; passed += step {
		if len(w.decide().Actions) > 0 {
			return passed
		}
		w.now = w.now.Add(step)
	}
	return -1
}

func TestRollback(t *testing.T) {
	w := stuck(badImage)
	w.strategy.OnFailure = api.Rollback
	w.now = w.now.Add(10 * time.Minute)
	w.passes(1)
	failed := w.told(rollout.Stalled)
	assert.True(t, strings.HasPrefix(failed, "True RollingBack: "+replacing+": no progress for 10m0s: ImagePullBackOff"), failed)
	_, ok := w.run(100)
	require.True(t, ok)
	assert.Equal(t, "v7", w.live)
	assert.Equal(t, []int32{1, 1}, []int32{w.created, w.deleted})
	assert.Empty(t, w.next)
	assert.Len(t, w.conditions, 1)
	assert.Equal(t, "False RolledBack: tomcat was rolled back. "+strings.TrimPrefix(failed, "True RollingBack: "), w.told(rollout.Progressing))
	assert.Contains(t, w.log, "Rolling back tomcat. Scaling up tomcat from 5 to 5, scaling down tomcat-v8 from 1 to 0 (keep 5 pods available, don't exceed 6 pods)")
}

// TestRollbackKilledAtEveryWrite: whenever the agent is killed, it still knows at the
// end why it rolled back.
func TestRollbackKilledAtEveryWrite(t *testing.T) {
	for crash := range 12 {
		w := stuck(badImage)
		w.strategy.OnFailure = api.Rollback
		w.now = w.now.Add(10 * time.Minute)
		writes := 0
		for range 100 {
			if !w.pending {
				break
			}
			for _, action := range w.decide().Actions {
				w.apply(action)
				if writes++; writes == crash {
					w.restart()
					break
				}
			}
			w.settle()
		}
		assert.False(t, w.pending, crash)
		assert.Equal(t, "v7", w.live, crash)
		assert.Contains(t, w.told(rollout.Progressing), "False RolledBack: tomcat was rolled back. "+replacing, crash)
	}
}

func TestRollbackOfAHeldRollout(t *testing.T) {
	w := stuck(badImage)
	w.now = w.now.Add(10 * time.Minute)
	w.passes(1)
	w.strategy.OnFailure = api.Rollback
	_, ok := w.run(100)
	assert.True(t, ok)
	assert.Contains(t, w.told(rollout.Progressing), "False RolledBack")
}

// TestCancelOfAHeldRollout: who cancels gets what they asked for, and it has succeeded.
func TestCancelOfAHeldRollout(t *testing.T) {
	w := stuck(badImage)
	w.now = w.now.Add(10 * time.Minute)
	w.passes(1)
	w.request("v7")
	_, ok := w.run(100)
	assert.True(t, ok)
	assert.Equal(t, "True NewReplicationControllerAvailable: tomcat has the requested template", w.told(rollout.Progressing))
}

// TestNeitherTemplateWorks: a rollback ends though its pods are no better, and takes
// none of those away that might become so.
func TestNeitherTemplateWorks(t *testing.T) {
	for name, cancel := range map[string]func(*world){
		"for a failure": func(w *world) { w.strategy.OnFailure = api.Rollback },
		"on request":    func(w *world) { w.request("v7") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(5, "1", "0")
			w.broken["tomcat"], w.broken["tomcat-v8"] = badImage, badImage
			w.rc.available = 0
			w.request("v8")
			w.passes(6)
			cancel(w)
			for range 20 {
				w.passes(1)
				w.now = w.now.Add(time.Minute)
			}
			assert.False(t, w.pending)
			assert.Empty(t, w.next)
			assert.Equal(t, []int32{5, 1, 1}, []int32{w.rc.pods, w.created, w.deleted})
		})
	}
}

// TestALaterEditSupersedes: at every moment of a rollout that fails, and is rolled
// back, another template can be asked for and is rolled out.
func TestALaterEditSupersedes(t *testing.T) {
	for _, onFailure := range []api.OnFailure{api.Hold, api.Rollback} {
		for after := range 14 {
			w := newWorld(5, "1", "0")
			w.strategy.OnFailure = onFailure
			w.broken["tomcat-v8"] = badImage
			w.request("v8")
			for range after {
				w.passes(1)
				w.now = w.now.Add(2 * time.Minute)
			}
			w.request("v9")
			_, ok := w.run(100)
			assert.True(t, ok, after)
			assert.Equal(t, "v9", w.live, after)
			assert.Contains(t, w.told(rollout.Progressing), "True NewReplicationControllerAvailable", after)
			assert.Empty(t, w.harm)
		}
	}
}

// TestTheClock: what starts it anew, and what does not.
func TestTheClock(t *testing.T) {
	const deadline = 10 * time.Minute
	start := time.Unix(100000, 0)
	tests := map[string]struct {
		change func(*rollout.Snapshot)
		left   time.Duration // from start on; 0: it is over
	}{
		"a step": {func(s *rollout.Snapshot) { s.Memory.LastStep = start.Add(-time.Minute) }, 9 * time.Minute},
		"a step before the restart": {func(s *rollout.Snapshot) {
			s.Inspection.Report.Progress = start.Add(-2 * time.Minute) // the pod that it created
		}, 8 * time.Minute},
		"the next one was created": {func(s *rollout.Snapshot) { s.Owned[0].Created = start.Add(-3 * time.Minute) }, 7 * time.Minute},
		"a pause ended": {func(s *rollout.Snapshot) {
			s.Conditions[0].LastTransitionTime = metav1.NewTime(start.Add(-4 * time.Minute))
		}, 6 * time.Minute},
		"a pod that will be available": {func(s *rollout.Snapshot) { s.Inspection.Report.Progress = start.Add(time.Minute) }, 11 * time.Minute},
		"the latest of all": {func(s *rollout.Snapshot) {
			s.Memory.LastStep, s.Inspection.Report.Progress = start.Add(-8*time.Minute), start.Add(-7*time.Minute)
		}, 3 * time.Minute},
		"only long ago": {func(*rollout.Snapshot) {}, 0},
		"just over":     {func(s *rollout.Snapshot) { s.Memory.LastStep = start.Add(-deadline) }, 0},
		"after the failure, its own time does not count": {func(s *rollout.Snapshot) {
			s.Conditions[0].Status, s.Conditions[0].LastTransitionTime = corev1.ConditionFalse, metav1.NewTime(start)
		}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := snapshot(5, 1, func(s *rollout.Snapshot) {
				s.Owned[0].Available = 0
				s.Strategy.ProgressDeadline = deadline
				s.Inspection = rollout.Inspection{Of: "next", Report: &rollout.PodReport{Problem: slow}}
				s.Now = start
			})
			test.change(&s)
			decision := rollout.Decide(s)
			require.NotNil(t, decision.Awaits)
			if test.left == 0 {
				if s.Conditions[0].Status == corev1.ConditionTrue {
					assert.Equal(t, rollout.InspectPodsNow, decision.Question, "not by what was known before")
				}
				s.Inspection.Fresh = true
				decision = rollout.Decide(s)
				require.Len(t, decision.Actions, 1)
				assert.Equal(t, rollout.ReasonDeadlineExceeded, decision.Actions[0].Conditions.Set[0].Reason)
				return
			}
			assert.Empty(t, decision.Actions)
			assert.Equal(t, test.left, decision.RequeueAfter)
			assert.Empty(t, decision.Question)
			s.Now = start.Add(test.left)
			assert.Equal(t, rollout.InspectPodsNow, rollout.Decide(s).Question)
		})
	}
}

// TestAwaited: only what waits for pods is judged by them.
func TestAwaited(t *testing.T) {
	waiting := func(s *rollout.Snapshot) { s.Owned[0].Available = 0 }
	tests := map[string]struct {
		rc, next int32
		change   func(*rollout.Snapshot)
		want     string
	}{
		"a pod that is not available": {5, 1, waiting, "tomcat-v8"},
		"a step is due":               {4, 1, func(*rollout.Snapshot) {}, ""},
		"the update period": {4, 1, func(s *rollout.Snapshot) {
			s.Strategy.UpdatePeriod, s.Memory.LastScaleUp = time.Hour, s.Now
		}, ""},
		"paused":               {5, 1, func(s *rollout.Snapshot) { waiting(s); s.Strategy.Paused = true }, ""},
		"deleted":              {5, 1, func(s *rollout.Snapshot) { waiting(s); s.RC.Deleting = true }, ""},
		"an obstacle":          {5, 1, func(s *rollout.Snapshot) { waiting(s); s.BlockedBy = &rollout.BlockedBy{} }, ""},
		"sealed":               {0, 5, func(s *rollout.Snapshot) { sealed(s); s.Owned[0].Available = 4 }, ""},
		"all updated":          {0, 5, func(*rollout.Snapshot) {}, ""},
		"nothing to scale yet": {5, 1, func(s *rollout.Snapshot) { s.Owned = nil }, ""},
		"on its way out":       {5, 1, func(s *rollout.Snapshot) { waiting(s); s.Owned[0].Deleting = true }, ""},
		"a cancel": {4, 0, func(s *rollout.Snapshot) {
			s.Requested, s.RC.StatusObserved = "v7", false
		}, ""},
		"a cancel that waits": {5, 1, func(s *rollout.Snapshot) {
			s.Requested, s.RC.Available, s.Owned[0].StatusObserved = "v7", 4, false
		}, "tomcat"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if target := decide(snapshot(test.rc, test.next, test.change)).Awaits; target != nil {
				got = target.Name
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// TestRestartOfAHeldRollout: until the agent has looked at the pods it does not know
// better than what it told before.
func TestRestartOfAHeldRollout(t *testing.T) {
	w := stuck(badImage)
	w.now = w.now.Add(10 * time.Minute)
	w.passes(1)
	before := slices.Clone(w.conditions)
	w.restart()
	w.blind = true
	w.passes(2)
	assert.Equal(t, before, w.conditions)
	w.blind = false
	w.passes(2)
	assert.Equal(t, before, w.conditions)
}

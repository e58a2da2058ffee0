package rollout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/rollout"
)

var slow = &rollout.Problem{Reason: "NotReady", Summary: "pods do not become ready", Slow: true}

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

package rollouts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// deadline is short, so that the tests are; and long enough for a pod to be ready.
const deadline = "6s"

// badImage is why pods of tomcat:bad are not available.
const badImage = "ImagePullBackOff: container tomcat cannot pull image tomcat:bad"

// pollInterval is that of what is not observed.
const pollInterval = 200 * time.Millisecond

// expectReasonBeforeDeadline checks that the condition gave the reason before the
// deadline, when the rollout had not failed yet.
func (s *scenario) expectReasonBeforeDeadline(reason string) {
	s.Helper()
	for _, moment := range s.Result().Moments {
		if reconciling := harness.Condition(moment.RC, rollout.Reconciling); reconciling != nil && reconciling.Reason == reason {
			assert.Equal(s, corev1.ConditionTrue, harness.Condition(moment.RC, rollout.Progressing).Status)
			return
		}
	}
	s.Errorf("no condition had the reason %s before the deadline", reason)
}

// An image that cannot be pulled: the old pods serve, one new pod waits, and the
// condition says why. The next edit supersedes it.
func TestHoldThenCorrect(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Annotated(api.ProgressDeadlineAnnotation, deadline)))
	s.SetImage("tomcat=tomcat:bad")
	failed := s.AwaitFailure("ImagePullBackOff", "no progress for "+deadline, "container tomcat cannot pull image tomcat:bad", "not found")
	s.expectReasonBeforeDeadline("ImagePullBackOff")
	assert.Equal(t, 5, failed.Available())
	assert.Len(t, failed.WithImage("tomcat:7"), 5)
	assert.Len(t, failed.WithImage("tomcat:bad"), 1)
	s.expectStory(rollout.ReasonCreated, rollout.ReasonScaling, "ImagePullBackOff", rollout.ReasonDeadlineExceeded)

	s.SetImage("tomcat=tomcat:8")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(observe.Bounds{MinAvailable: 5, MaxPods: 6, Created: 6, Deleted: 6})
}

// The same, rolled back by itself; the reason stays to be read. Asked for again, it
// is tried again.
func TestRollbackOnFailure(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t, manifest.Annotated(api.ProgressDeadlineAnnotation, deadline, api.OnFailureAnnotation, string(api.Rollback)))
	s := given(t, m, harness.ServerSide)
	s.Apply(m.With(manifest.Image("tomcat:bad")), harness.ServerSide)
	s.AwaitFailedRollback("tomcat:7", 5, badImage)
	s.Expect(observe.Bounds{MinAvailable: 5, MaxPods: 6, Created: 1, Deleted: 1})
	s.expectStory(rollout.ReasonCreated, rollout.ReasonScaling, "ImagePullBackOff", rollout.ReasonDeadlineExceeded, rollout.ReasonRollingBack, rollout.ReasonScaling, rollout.ReasonDeleted, rollout.ReasonSucceeded)

	s.Begin()
	s.Apply(m.With(manifest.Image("tomcat:bad")), harness.ServerSide)
	s.Await("it is tried again", harness.Pending)
	s.AwaitFailedRollback("tomcat:7", 5, badImage)
	s.Expect(observe.Bounds{MinAvailable: 5, MaxPods: 6, Created: 1, Deleted: 1})

	s.Begin()
	s.Apply(m.With(manifest.Image("tomcat:8")), harness.ServerSide)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// Without room for one pod more the condition names the quota, and when there is room
// the rollout goes on by itself.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Annotated(api.ProgressDeadlineAnnotation, deadline)))
	s.Kubectl("create", "quota", "five-pods", "--hard=pods=5")
	s.eventually("the quota is counted", func() bool {
		return s.TryKubectl("", "get", "quota", "five-pods", "-o", "jsonpath={.status.used.pods}").Stdout == "5"
	})
	s.SetImage("tomcat=tomcat:8")
	failed := s.AwaitFailure(rollout.ReasonFailedCreate, "cannot be created", "exceeded quota: five-pods")
	s.expectReasonBeforeDeadline(rollout.ReasonFailedCreate)
	assert.Equal(t, 5, failed.Available())

	s.Kubectl("delete", "quota", "five-pods")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// A policy that forbids the new pods is quoted, and so on: each cause in its own words.
func TestDiagnosis(t *testing.T) {
	t.Parallel()
	deadline := manifest.Annotated(api.ProgressDeadlineAnnotation, deadline)
	cases := map[string]struct {
		prepare func(*scenario)
		edits   []manifest.Edit
		reason  string
		says    []string
	}{
		"a crash": {
			edits:  []manifest.Edit{manifest.Image("tomcat:crash")},
			reason: "CrashLoopBackOff",
			says:   []string{"container tomcat exited with code 1 (Error)"},
		},
		"a crash of an init container": {
			edits:  []manifest.Edit{manifest.Image("tomcat:8"), manifest.Container("initContainers", "setup", "busybox:crash")},
			reason: "CrashLoopBackOff",
			says:   []string{"init container setup exited with code 1 (Error)"},
		},
		"no node": {
			edits:  []manifest.Edit{manifest.Image("tomcat:8"), nodeSelector("disk", "tape")},
			reason: "Unschedulable",
			says:   []string{"0/3 nodes are available", "node affinity/selector"},
		},
		"an admission policy": {
			prepare: deny,
			edits:   []manifest.Edit{manifest.Image("tomcat:denied")},
			reason:  rollout.ReasonFailedCreate,
			says:    []string{"the security team denies tomcat:denied"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := manifest.Tomcat(t, deadline)
			s := given(t, m)
			if c.prepare != nil {
				c.prepare(s)
			}
			s.Apply(m.With(c.edits...))
			failed := s.AwaitFailure(c.reason, c.says...)
			s.expectReasonBeforeDeadline(c.reason)
			assert.Equal(t, 5, failed.Available())

			s.Apply(m.With(manifest.Image("tomcat:8")))
			s.AwaitRollout("tomcat:8", 5)
			s.Expect(harness.AnyTurnover(5))
		})
	}
}

// A pod that takes its time has not failed, and nobody says that it has.
func TestSlowIsNotFailed(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(1)))
	s.SetImage("tomcat=tomcat:slow")
	s.AwaitRollout("tomcat:slow", 1)
	s.Expect(harness.SurgeOne(1))
	for _, event := range s.Now().Events {
		assert.Equal(t, corev1.EventTypeNormal, event.Type, event.Message)
	}
}

// But if it takes longer than the deadline it has, until it is ready after all.
func TestSlowerThanTheDeadline(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(1), manifest.Annotated(api.ProgressDeadlineAnnotation, "3s")))
	s.SetImage("tomcat=tomcat:slow")
	s.AwaitFailure(rollout.ReasonNotReady, "pods do not become ready")
	s.AwaitRollout("tomcat:slow", 1)
	s.Expect(harness.SurgeOne(1))
}

// Old pods that serve nobody do not hold up the rollout of what repairs them.
func TestBrokenOldPods(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	s.Apply(manifest.Tomcat(t, manifest.Image("tomcat:bad"), manifest.Annotated(api.ProgressDeadlineAnnotation, deadline)))
	s.Await("5 pods of tomcat:bad exist", func(m observe.Moment) bool { return len(m.WithImage("tomcat:bad")) == 5 })
	s.Begin()
	s.SetImage("tomcat=tomcat:8")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(observe.Bounds{MinAvailable: 0, MaxPods: 6, Created: 5, Deleted: 5})
}

// If neither the new nor the old pods serve, a rollback ends all the same, with the
// old ones.
func TestRollbackToBrokenPods(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	s.Apply(manifest.Tomcat(t, manifest.Image("tomcat:bad"), manifest.Annotated(api.ProgressDeadlineAnnotation, deadline, api.OnFailureAnnotation, string(api.Rollback))))
	s.Await("5 pods of tomcat:bad exist", func(m observe.Moment) bool { return len(m.WithImage("tomcat:bad")) == 5 })
	s.Begin()
	s.SetImage("tomcat=tomcat:crash")
	s.AwaitFailure(rollout.ReasonRollingBack, "CrashLoopBackOff: container tomcat exited with code 1")
	end := s.Await("the rollback is over", func(m observe.Moment) bool { return !harness.Pending(m) && len(m.Others) == 0 && len(m.Pods) == 5 })
	assert.Len(t, end.WithImage("tomcat:bad"), 5)
	assert.Equal(t, rollout.ReasonRolledBack, harness.Condition(end.RC, rollout.Progressing).Reason)
	s.Expect(observe.Bounds{MinAvailable: 0, MaxPods: 6, Created: 1, Deleted: 1})
}

// While it is paused a rollout cannot fail.
func TestPauseStopsTheClock(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Annotated(api.ProgressDeadlineAnnotation, deadline)))
	s.SetImage("tomcat=tomcat:bad")
	s.Await("the new pod exists", func(m observe.Moment) bool { return len(m.WithImage("tomcat:bad")) == 1 })
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"=true")
	s.Await("the rollout is paused", isPaused)
	s.SetImage("tomcat=tomcat:8")
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"-")
	s.AwaitRollout("tomcat:8", 5)
	for _, message := range s.Now().Messages() {
		assert.NotContains(t, message, "no progress for")
	}
}

// eventually waits for something that is not observed.
func (s *scenario) eventually(what string, holds func() bool) {
	s.Helper()
	require.Eventually(s, holds, harness.Patience, pollInterval, what)
}

// deny forbids pods of tomcat:denied in the scenario's namespace, and returns when the
// API server knows.
func deny(s *scenario) {
	s.Helper()
	s.installPolicy(validating, `
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
  validations:
  - expression: object.spec.containers.all(c, c.image != "tomcat:denied")
    message: the security team denies tomcat:denied`)
	s.eventually("the policy is in force", func() bool {
		return s.TryKubectl("", "run", "probe", "--image=tomcat:denied", "--dry-run=server").ExitCode != 0
	})
}

func nodeSelector(key, value string) manifest.Edit {
	return func(rc manifest.RC) { rc.PodSpec()["nodeSelector"] = map[string]any{key: value} }
}

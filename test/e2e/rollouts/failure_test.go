package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/observe"
)

// deadline is short, so that the tests are; and long enough for a pod to be ready.
const deadline = "6s"

// pollInterval is that of what is not observed.
const pollInterval = 200 * time.Millisecond

// fails waits until the rollout is stalled for that reason, and checks what is told of
// it, which must have all those words in it.
func (s *scenario) fails(reason string, says ...string) observe.Moment {
	s.Helper()
	failed := s.await("the rollout is stalled by "+reason, func(m observe.Moment) bool {
		stalled := condition(m.RC, rollout.Stalled)
		return stalled != nil && stalled.Reason == reason
	})
	progressing, stalled := condition(failed.RC, rollout.Progressing), condition(failed.RC, rollout.Stalled)
	require.NotNil(s, progressing)
	assert.Equal(s, corev1.ConditionFalse, progressing.Status)
	assert.Equal(s, rollout.ReasonDeadlineExceeded, progressing.Reason)
	assert.Equal(s, corev1.ConditionTrue, stalled.Status)
	assert.Equal(s, stalled.Message, progressing.Message)
	assert.Nil(s, condition(failed.RC, rollout.Reconciling), "kstatus takes the first of both")
	for _, words := range says {
		assert.Contains(s, progressing.Message, words)
	}
	s.awaitEvent(progressing.Message)
	return failed
}

// toldEarly checks that the reason was told before the deadline, when the rollout had
// not failed yet.
func (s *scenario) toldEarly(reason string) {
	s.Helper()
	for _, moment := range s.Result().Moments {
		if reconciling := condition(moment.RC, rollout.Reconciling); reconciling != nil && reconciling.Reason == reason {
			assert.Equal(s, corev1.ConditionTrue, condition(moment.RC, rollout.Progressing).Status)
			return
		}
	}
	s.Errorf("%s was not told before the deadline", reason)
}

// An image that cannot be pulled: the old pods serve, one new pod waits, and the
// condition says why. The next edit supersedes it.
func TestHoldThenCorrect(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t, annotated(api.ProgressDeadlineAnnotation, deadline)))
	s.setImage("tomcat=tomcat:bad")
	failed := s.fails("ImagePullBackOff", "no progress for "+deadline, "container tomcat cannot get image tomcat:bad", "not found")
	s.toldEarly("ImagePullBackOff")
	assert.Equal(t, 5, failed.Available())
	assert.Len(t, failed.WithImage("tomcat:7"), 5)
	assert.Len(t, failed.WithImage("tomcat:bad"), 1)

	s.setImage("tomcat=tomcat:8")
	s.rolledOut("tomcat:8", 5)
	s.keeps(observe.Bounds{MinAvailable: 5, MaxPods: 6, Created: 6, Deleted: 6})
}

// The same, rolled back by itself; the reason stays to be read. Asked for again, it
// is tried again.
func TestRollbackOnFailure(t *testing.T) {
	t.Parallel()
	m := tomcat(t, annotated(api.ProgressDeadlineAnnotation, deadline, api.OnFailureAnnotation, string(api.Rollback)))
	s := given(t, m, serverSide)
	s.apply(m.with(image("tomcat:bad")), serverSide)
	s.failsBack()
	s.keeps(observe.Bounds{MinAvailable: 5, MaxPods: 6, Created: 1, Deleted: 1})

	s.Begin()
	s.apply(m.with(image("tomcat:bad")), serverSide)
	s.await("it is tried again", pending)
	s.failsBack()
	s.keeps(observe.Bounds{MinAvailable: 5, MaxPods: 6, Created: 1, Deleted: 1})

	s.Begin()
	s.apply(m.with(image("tomcat:8")), serverSide)
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

// failsBack waits for the end of a rollback for a failure.
func (s *scenario) failsBack() {
	s.Helper()
	s.fails(rollout.ReasonRollingBack, "ImagePullBackOff: container tomcat cannot get image tomcat:bad")
	end := s.await("5 pods of tomcat:7 serve again and nothing else is left", serves("tomcat:7", 5))
	progressing := condition(end.RC, rollout.Progressing)
	require.NotNil(s, progressing)
	assert.Equal(s, corev1.ConditionFalse, progressing.Status)
	assert.Equal(s, rollout.ReasonRolledBack, progressing.Reason)
	assert.Contains(s, progressing.Message, "tomcat was rolled back")
	assert.Contains(s, progressing.Message, "ImagePullBackOff: container tomcat cannot get image tomcat:bad")
	assert.Nil(s, condition(end.RC, rollout.Stalled))
	assert.Nil(s, condition(end.RC, rollout.Reconciling))
}

// Without room for one pod more the condition names the quota, and when there is room
// the rollout goes on by itself.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t, annotated(api.ProgressDeadlineAnnotation, deadline)))
	s.kubectl("create", "quota", "five-pods", "--hard=pods=5")
	s.eventually("the quota is counted", func() bool {
		return s.try("", "get", "quota", "five-pods", "-o", "jsonpath={.status.used.pods}").stdout == "5"
	})
	s.setImage("tomcat=tomcat:8")
	failed := s.fails(rollout.ReasonFailedCreate, "cannot be created", "exceeded quota: five-pods")
	s.toldEarly(rollout.ReasonFailedCreate)
	assert.Equal(t, 5, failed.Available())

	s.kubectl("delete", "quota", "five-pods")
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

// A policy that forbids the new pods is quoted, and so on: each cause in its own words.
func TestDiagnosis(t *testing.T) {
	t.Parallel()
	deadline := annotated(api.ProgressDeadlineAnnotation, deadline)
	cases := map[string]struct {
		prepare func(*scenario)
		edits   []func(manifest)
		reason  string
		says    []string
	}{
		"a crash": {
			edits:  []func(manifest){image("tomcat:crash")},
			reason: "CrashLoopBackOff",
			says:   []string{"container tomcat exited with code 1 (Error)"},
		},
		"a crash of an init container": {
			edits:  []func(manifest){image("tomcat:8"), container("initContainers", "setup", "busybox:crash")},
			reason: "CrashLoopBackOff",
			says:   []string{"init container setup exited with code 1 (Error)"},
		},
		"no node": {
			edits:  []func(manifest){image("tomcat:8"), nodeSelector("disk", "tape")},
			reason: "Unschedulable",
			says:   []string{"0/3 nodes are available", "node affinity/selector"},
		},
		"an admission policy": {
			prepare: deny,
			edits:   []func(manifest){image("tomcat:denied")},
			reason:  rollout.ReasonFailedCreate,
			says:    []string{"the security team denies tomcat:denied"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := tomcat(t, deadline)
			s := given(t, m)
			if c.prepare != nil {
				c.prepare(s)
			}
			s.apply(m.with(c.edits...))
			failed := s.fails(c.reason, c.says...)
			s.toldEarly(c.reason)
			assert.Equal(t, 5, failed.Available())

			s.apply(m.with(image("tomcat:8")))
			s.rolledOut("tomcat:8", 5)
			s.keeps(anyTurnover(5))
		})
	}
}

// A pod that takes its time has not failed, nor is anything told of it.
func TestSlowIsNotFailed(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t, replicas(1)))
	s.setImage("tomcat=tomcat:slow")
	s.rolledOut("tomcat:slow", 1)
	s.keeps(surge1(1))
	for _, event := range s.Now().Events {
		assert.Equal(t, corev1.EventTypeNormal, event.Type, event.Message)
	}
}

// But if it takes longer than the deadline it has, until it is ready after all.
func TestSlowerThanTheDeadline(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t, replicas(1), annotated(api.ProgressDeadlineAnnotation, "3s")))
	s.setImage("tomcat=tomcat:slow")
	s.fails(rollout.ReasonNotReady, "pods do not become ready")
	s.rolledOut("tomcat:slow", 1)
	s.keeps(surge1(1))
}

// Old pods that serve nobody do not hold up the rollout of what repairs them.
func TestBrokenOldPods(t *testing.T) {
	t.Parallel()
	s := observed(t, "tomcat")
	s.apply(tomcat(t, image("tomcat:bad"), annotated(api.ProgressDeadlineAnnotation, deadline)))
	s.await("5 pods of tomcat:bad exist", func(m observe.Moment) bool { return len(m.WithImage("tomcat:bad")) == 5 })
	s.Begin()
	s.setImage("tomcat=tomcat:8")
	s.rolledOut("tomcat:8", 5)
	s.keeps(observe.Bounds{MinAvailable: 0, MaxPods: 6, Created: 5, Deleted: 5})
}

// If neither the new nor the old pods serve, a rollback ends all the same, with the
// old ones.
func TestRollbackToBrokenPods(t *testing.T) {
	t.Parallel()
	s := observed(t, "tomcat")
	s.apply(tomcat(t, image("tomcat:bad"), annotated(api.ProgressDeadlineAnnotation, deadline, api.OnFailureAnnotation, string(api.Rollback))))
	s.await("5 pods of tomcat:bad exist", func(m observe.Moment) bool { return len(m.WithImage("tomcat:bad")) == 5 })
	s.Begin()
	s.setImage("tomcat=tomcat:crash")
	s.fails(rollout.ReasonRollingBack, "CrashLoopBackOff: container tomcat exited with code 1")
	end := s.await("the rollback is over", func(m observe.Moment) bool { return !pending(m) && len(m.Others) == 0 && len(m.Pods) == 5 })
	assert.Len(t, end.WithImage("tomcat:bad"), 5)
	assert.Equal(t, rollout.ReasonRolledBack, condition(end.RC, rollout.Progressing).Reason)
	s.keeps(observe.Bounds{MinAvailable: 0, MaxPods: 6, Created: 1, Deleted: 1})
}

// While it is paused a rollout cannot fail.
func TestPauseStopsTheClock(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t, annotated(api.ProgressDeadlineAnnotation, deadline)))
	s.setImage("tomcat=tomcat:bad")
	s.await("the new pod exists", func(m observe.Moment) bool { return len(m.WithImage("tomcat:bad")) == 1 })
	s.kubectl("annotate", s.ref(), api.PausedAnnotation+"=true")
	s.await("the pause is told", isPaused)
	s.setImage("tomcat=tomcat:8")
	s.kubectl("annotate", s.ref(), api.PausedAnnotation+"-")
	s.rolledOut("tomcat:8", 5)
	for _, message := range messages(s.Now()) {
		assert.NotContains(t, message, "no progress for")
	}
}

// An agent that is restarted does not begin to count anew: what has failed has failed.
func TestFailureSurvivesARestartOfTheAgent(t *testing.T) {
	s := given(t, tomcat(t, annotated(api.ProgressDeadlineAnnotation, deadline)))
	s.setImage("tomcat=tomcat:bad")
	failed := s.fails("ImagePullBackOff")
	require.NoError(t, cluster.run("restart", "agent"))
	s.kubectl("annotate", s.ref(), api.OnFailureAnnotation+"="+string(api.Rollback))
	s.failsBack()
	for _, moment := range s.Result().Moments {
		if moment.At.After(failed.At) {
			assert.Equal(t, corev1.ConditionFalse, condition(moment.RC, rollout.Progressing).Status, moment)
		}
	}
}

// eventually waits for something that is not observed.
func (s *scenario) eventually(what string, holds func() bool) {
	s.Helper()
	require.Eventually(s, holds, patience, pollInterval, what)
}

// deny forbids pods of tomcat:denied in the scenario's namespace, and returns when the
// API server knows.
func deny(s *scenario) {
	s.Helper()
	s.feed(strings.ReplaceAll(denial, "NAMESPACE", s.namespace), "apply", "-f", "-")
	s.Cleanup(func() { s.try(strings.ReplaceAll(denial, "NAMESPACE", s.namespace), "delete", "-f", "-") })
	s.eventually("the policy is in force", func() bool {
		return s.try("", "run", "probe", "--image=tomcat:denied", "--dry-run=server").exitCode != 0
	})
}

const denial = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAMESPACE}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
  validations:
  - expression: object.spec.containers.all(c, c.image != "tomcat:denied")
    message: the security team denies tomcat:denied
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAMESPACE}
spec: {policyName: NAMESPACE, validationActions: [Deny]}
`

func nodeSelector(key, value string) func(manifest) {
	return func(m manifest) { m.podSpec()["nodeSelector"] = map[string]any{key: value} }
}

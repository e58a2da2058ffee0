package rollouts

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// A setting that does not parse is refused when it is set. One that was broken while
// nobody was asked stops the rollout, which goes on by itself once it is corrected.
func TestUnreadableStrategy(t *testing.T) {
	t.Parallel()
	const says = `metadata.annotations[rcroll.dev/max-surge]: Invalid value: "lots": must be a number of pods`
	s := given(t, manifest.Tomcat(t))
	s.ExpectUnchanged(func() { s.ExpectRefused(says, "annotate", "rc/tomcat", api.MaxSurgeAnnotation+"=lots") })
	s.halfwayAtRest()
	s.unasked(func() harness.Output {
		return s.TryKubectl("", "annotate", "rc/tomcat", api.MaxSurgeAnnotation+"=lots", api.PausedAnnotation+"-")
	})
	stalled := s.Await("the rollout is stalled", func(m observe.Moment) bool { return harness.Condition(m.RC, rollout.Stalled) != nil })
	assert.Equal(t, rollout.ReasonInvalidSettings, harness.Condition(stalled.RC, rollout.Stalled).Reason)
	assert.Contains(t, harness.Condition(stalled.RC, rollout.Stalled).Message, api.MaxSurgeAnnotation)
	s.AwaitEvent(says)

	s.Kubectl("annotate", "--overwrite", "rc/tomcat", api.MaxSurgeAnnotation+"=2")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(observe.Bounds{MinAvailable: 5, MaxPods: 7, Created: 5, Deleted: 5})
}

// unasked makes an edit while the namespace is opted out, as soon as the API server
// has noticed that it is.
func (s *scenario) unasked(edit func() harness.Output) {
	s.Helper()
	s.Kubectl("label", "namespace", s.Namespace, api.EnabledKey+"=false")
	require.Eventually(s, func() bool { return edit().ExitCode == 0 }, harness.Patience, 100*time.Millisecond)
	s.Kubectl("label", "namespace", s.Namespace, api.EnabledKey+"-")
}

// The update period is the least time between two scale-ups. Their times are those
// at which they were seen, which may be late: hence half a second less.
func TestUpdatePeriod(t *testing.T) {
	t.Parallel()
	const period, lateness = 3 * time.Second, 500 * time.Millisecond
	s := given(t, manifest.Tomcat(t, manifest.Replicas(3), manifest.Annotated(api.UpdatePeriodAnnotation, period.String())))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitRollout("tomcat:8", 3)
	s.Expect(harness.SurgeOne(3))

	times := s.Result().ScaleUps()
	require.Len(t, times, 3)
	for i := 1; i < len(times); i++ {
		assert.GreaterOrEqual(t, times[i].Sub(times[i-1]), period-lateness)
	}
}

// A pause holds a rollout where it is, and its end lets it go on.
func TestPause(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"=true")
	paused := s.Await("the rollout is paused", isPaused)
	s.Kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
	assert.NotEmpty(t, paused.Owned())
}

func isPaused(m observe.Moment) bool {
	progressing := harness.Condition(m.RC, rollout.Progressing)
	return progressing != nil && progressing.Reason == rollout.ReasonPaused
}

// halfwayAtRest is a rollout that is paused in its middle, with nothing moving.
func (s *scenario) halfwayAtRest() observe.Moment {
	s.Helper()
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"=true")
	return s.Await("the rollout is paused and at rest", func(m observe.Moment) bool {
		if !isPaused(m) || m.Available() != len(m.Pods) {
			return false
		}
		for _, rc := range append(m.Owned(), *m.RC) {
			if rc.Status.ObservedGeneration != rc.Generation || rc.Status.AvailableReplicas != rc.Replicas() ||
				rc.Status.Replicas != rc.Replicas() {
				return false
			}
		}
		return true
	})
}

// Who opted out gets plain Kubernetes.
func TestOptOut(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Annotated(api.EnabledKey, "false")))
	out := s.SetImage("tomcat=tomcat:8")
	assert.Empty(t, out.Stderr)
	live := s.Await("the edit is live", func(m observe.Moment) bool { return m.RC.Image == "tomcat:8" })
	assert.False(t, harness.Pending(live))
	assert.Empty(t, s.Result().Created())
}

// A namespace opts out as a whole. What was live before it opts in again is no
// request, what comes afterwards is.
func TestOptOutOfNamespace(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.Kubectl("label", "namespace", s.Namespace, api.EnabledKey+"=false")
	require.Eventually(t, func() bool { return s.unrecorded("rc/tomcat", "env", "A=1") }, harness.Patience, 100*time.Millisecond)
	s.Kubectl("set", "image", "rc/tomcat", "tomcat=tomcat:8")
	s.Await("the edit is live", func(m observe.Moment) bool { return m.RC.Image == "tomcat:8" })

	s.Kubectl("label", "namespace", s.Namespace, api.EnabledKey+"-")
	require.Eventually(t, func() bool { return !s.unrecorded("rc/tomcat", "image", "tomcat=tomcat:9") }, harness.Patience, 100*time.Millisecond)
	s.AwaitRollout("tomcat:9", 5)
}

// The control plane's own ReplicationControllers, and rcroll's, never roll: neither
// may need rcroll to start.
func TestNamespacesThatAreNeverTouched(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	for _, namespace := range []string{"kube-system", harness.SystemNamespace()} {
		s.KubectlWithInput(manifest.Tomcat(t, manifest.Replicas(1)).YAML(t), "--namespace", namespace, "create", "-f", "-")
		t.Cleanup(func() { s.Kubectl("--namespace", namespace, "delete", "rc/tomcat") })
		assert.True(t, s.unrecorded("rc/tomcat", "image", "tomcat=tomcat:8", "--namespace", namespace))
	}
}

// unrecorded is kubectl set, and reports whether rcroll left that alone.
func (s *scenario) unrecorded(ref, what string, args ...string) bool {
	s.Helper()
	out := s.Kubectl(append([]string{"set", what, ref, "--output", "jsonpath={.metadata.annotations}"}, args...)...)
	return !strings.Contains(out.Stderr, "rolling update") && !strings.Contains(out.Stdout, api.RequestAnnotation)
}

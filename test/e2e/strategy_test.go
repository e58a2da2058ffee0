package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/observe"
)

// A setting that does not parse is refused when it is set. One that was broken while
// nobody was asked stops the rollout, which goes on by itself once it is corrected.
func TestUnreadableStrategy(t *testing.T) {
	t.Parallel()
	const says = `metadata.annotations[rcroll.dev/max-surge]: Invalid value: "lots": must be a number of pods`
	s := given(t, tomcat(t))
	s.leavesNoTrace(func() { s.refused(says, "annotate", "rc/tomcat", api.MaxSurgeAnnotation+"=lots") })
	s.halfwayAtRest()
	s.unasked(func() output {
		return s.try("", "annotate", "rc/tomcat", api.MaxSurgeAnnotation+"=lots", api.PausedAnnotation+"-")
	})
	stalled := s.await("the rollout is stalled", func(m observe.Moment) bool { return condition(m.RC, rollout.Stalled) != nil })
	assert.Equal(t, rollout.ReasonInvalidStrategy, condition(stalled.RC, rollout.Stalled).Reason)
	assert.Contains(t, condition(stalled.RC, rollout.Stalled).Message, api.MaxSurgeAnnotation)
	s.awaitEvent(says)

	s.kubectl("annotate", "--overwrite", "rc/tomcat", api.MaxSurgeAnnotation+"=2")
	s.rolledOut("tomcat:8", 5)
	s.keeps(observe.Bounds{MinAvailable: 5, MaxPods: 7, Created: 5, Deleted: 5})
}

// unasked makes an edit while the namespace is opted out, as soon as the API server
// has noticed that it is.
func (s *scenario) unasked(edit func() output) {
	s.Helper()
	s.kubectl("label", "namespace", s.namespace, api.EnabledKey+"=false")
	require.Eventually(s, func() bool { return edit().exitCode == 0 }, patience, 100*time.Millisecond)
	s.kubectl("label", "namespace", s.namespace, api.EnabledKey+"-")
}

// The update period is the least time between two scale-ups. Their times are those
// at which they were seen, which may be late: hence half a second less.
func TestUpdatePeriod(t *testing.T) {
	t.Parallel()
	const period, lateness = 3 * time.Second, 500 * time.Millisecond
	s := given(t, tomcat(t, replicas(3), annotated(api.UpdatePeriodAnnotation, period.String())))
	s.setImage("tomcat=tomcat:8")
	s.rolledOut("tomcat:8", 3)
	s.keeps(surge1(3))

	times := s.Result().ScaleUps()
	require.Len(t, times, 3)
	for i := 1; i < len(times); i++ {
		assert.GreaterOrEqual(t, times[i].Sub(times[i-1]), period-lateness)
	}
}

// A pause holds a rollout where it is, and its end lets it go on.
func TestPause(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.setImage("tomcat=tomcat:8")
	s.halfway("tomcat:8")
	s.kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"=true")
	paused := s.await("the pause is told", isPaused)
	s.kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
	assert.NotEmpty(t, paused.Next())
}

func isPaused(m observe.Moment) bool {
	progressing := condition(m.RC, rollout.Progressing)
	return progressing != nil && progressing.Reason == rollout.ReasonPaused
}

// halfwayAtRest is a rollout that is paused in its middle, with nothing moving.
func (s *scenario) halfwayAtRest() observe.Moment {
	s.Helper()
	s.setImage("tomcat=tomcat:8")
	s.halfway("tomcat:8")
	s.kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"=true")
	return s.await("the rollout is paused and at rest", func(m observe.Moment) bool {
		if !isPaused(m) || m.Available() != len(m.Pods) {
			return false
		}
		for _, rc := range append(m.Next(), *m.RC) {
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
	s := given(t, tomcat(t, annotated(api.EnabledKey, "false")))
	told := s.setImage("tomcat=tomcat:8")
	assert.Empty(t, told.stderr)
	live := s.await("the edit is live", func(m observe.Moment) bool { return m.RC.Image == "tomcat:8" })
	assert.False(t, pending(live))
	assert.Empty(t, s.Result().Created())
}

// A namespace opts out as a whole. What was live before it opts in again is no
// request, what comes afterwards is.
func TestOptOutOfNamespace(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.kubectl("label", "namespace", s.namespace, api.EnabledKey+"=false")
	require.Eventually(t, func() bool { return s.unrecorded("rc/tomcat", "env", "A=1") }, patience, 100*time.Millisecond)
	s.kubectl("set", "image", "rc/tomcat", "tomcat=tomcat:8")
	s.await("the edit is live", func(m observe.Moment) bool { return m.RC.Image == "tomcat:8" })

	s.kubectl("label", "namespace", s.namespace, api.EnabledKey+"-")
	require.Eventually(t, func() bool { return !s.unrecorded("rc/tomcat", "image", "tomcat=tomcat:9") }, patience, 100*time.Millisecond)
	s.rolledOut("tomcat:9", 5)
}

// The control plane's own ReplicationControllers, and rcroll's, never roll: neither
// may need rcroll to start.
func TestNamespacesThatAreNeverTouched(t *testing.T) {
	t.Parallel()
	s := observed(t, "tomcat")
	for _, namespace := range []string{"kube-system", "rcroll-system"} {
		s.feed(tomcat(t, replicas(1)).yaml(t), "--namespace", namespace, "create", "-f", "-")
		t.Cleanup(func() { s.kubectl("--namespace", namespace, "delete", "rc/tomcat") })
		assert.True(t, s.unrecorded("rc/tomcat", "image", "tomcat=tomcat:8", "--namespace", namespace))
	}
}

// unrecorded is kubectl set, and tells whether that passed as it was.
func (s *scenario) unrecorded(ref, what string, args ...string) bool {
	s.Helper()
	told := s.kubectl(append([]string{"set", what, ref, "--output", "jsonpath={.metadata.annotations}"}, args...)...)
	return !strings.Contains(told.stderr, "rolling update") && !strings.Contains(told.stdout, api.RequestAnnotation)
}

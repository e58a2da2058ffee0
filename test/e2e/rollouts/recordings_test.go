package rollouts

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

var record = flag.Bool("record", false, "record ReplicationControllers in the middle of rollouts in test/gitops/testdata")

const recordings = "../../gitops/testdata"

// TestRecordings records what test/gitops judges, as the API server shows it.
func TestRecordings(t *testing.T) {
	if !*record {
		t.Skip("go test ./test/e2e/rollouts -run TestRecordings -record records them")
	}
	telling := func(reason string) func(observe.Moment) bool {
		return func(m observe.Moment) bool {
			progressing := harness.Condition(m.RC, rollout.Progressing)
			return progressing != nil && progressing.Reason == reason && m.RC.Status.ObservedGeneration == m.RC.Generation
		}
	}
	adopting := func(m observe.Moment) bool { return m.RC.Spec.Template.Labels[api.AdoptingLabel] != "" }

	s := given(t, manifest.Tomcat(t, manifest.Annotated(api.StepsAnnotation, "1,pause")))
	s.SetImage("tomcat=tomcat:8")
	s.record("at-step", s.Await("the pause of a step", telling(rollout.ReasonPausedAtStep)))
	s.Kubectl("annotate", s.Ref(), api.StepsAnnotation+"-")
	s.AwaitRollout("tomcat:8", 5)
	s.recordLast("promoting", harness.Sealed)
	s.recordLast("adopted", adopting)

	s = given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Kubectl("annotate", s.Ref(), api.RequestAnnotation+"-")
	s.AwaitRollback("tomcat:7", 5)
	s.recordLast("rolling-back", telling(rollout.ReasonRollingBack))

	s = given(t, manifest.Tomcat(t, manifest.Annotated(api.ProgressDeadlineAnnotation, "3s", api.OnFailureAnnotation, string(api.Rollback))))
	s.SetImage("tomcat=tomcat:bad")
	s.AwaitFailedRollback("tomcat:7", 5, "tomcat:bad")
	s.recordLast("rolling-back-failed", func(m observe.Moment) bool {
		stalled := harness.Condition(m.RC, rollout.Stalled)
		return stalled != nil && stalled.Reason == rollout.ReasonRollingBack
	})
}

// recordLast records the last moment of a phase, in which the conditions have arrived.
func (s *scenario) recordLast(phase string, is func(observe.Moment) bool) {
	s.Helper()
	moments := slices.Clone(s.Result().Moments)
	slices.Reverse(moments)
	moment, found := observe.Result{Moments: moments}.First(is)
	require.True(s, found, "%s was not seen", phase)
	s.record(phase, moment)
}

func (s *scenario) record(phase string, moment observe.Moment) {
	s.Helper()
	rc := moment.RC.DeepCopy()
	rc.SetGroupVersionKind(api.GroupVersionKind)
	rc.ManagedFields = nil
	text, err := yaml.Marshal(rc)
	require.NoError(s, err)
	require.NoError(s, os.WriteFile(filepath.Join(recordings, phase+".yaml"), text, 0o600))
}

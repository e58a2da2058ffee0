package commands

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

// A canary: one pod, an approval, half of them, a pause that is over by itself, all of
// them. The agent is killed at the first pause. (No other test may run: it needs the agent.)
func TestCanary(t *testing.T) {
	s := given(t, manifest.Tomcat(t, manifest.Replicas(4),
		manifest.Annotated(api.StepsAnnotation, "1,pause,50%,pause=3s", api.MaxUnavailableAnnotation, "2", api.ProgressDeadlineAnnotation, "4s")))
	s.SetImage("tomcat=tomcat:8")
	s.atPause("step 2 of 4, waiting for approval")
	assert.Equal(t, paused, s.run("rcroll", "status", "tomcat").ExitCode)
	s.expectPods(1, 3)

	require.NoError(t, s.Cluster.Kill(harness.Agent))
	s.ExpectRefused("must be HASH/STEP", "annotate", "rc/tomcat", api.ApproveAnnotation+"=2")
	require.NoError(t, s.Cluster.Run("start", harness.Agent))
	time.Sleep(5 * time.Second) // longer than the deadline
	s.expectPods(1, 3)
	s.atPause("step 2 of 4, waiting for approval")

	out := s.run("rcroll", "approve", "tomcat")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, "replicationcontroller/tomcat approved\n", out.Stdout)
	began := s.Await("half of the pods are new, and the rollout pauses", func(m observe.Moment) bool {
		return isAtPause(m) && len(m.Owned()) == 1 && m.Owned()[0].Replicas() == 2
	})
	s.expectPods(2, 2)
	end := s.AwaitRollout("tomcat:8", 4)
	assert.GreaterOrEqual(t, end.At.Sub(began.At), 2*time.Second)
	s.Expect(observe.Bounds{MinAvailable: 2, MaxPods: 5, Created: 4, Deleted: 4})
	assert.NotContains(t, s.Stored().Annotations, api.ApproveAnnotation)
}

// An approval is of one request: one that was cancelled, or replaced by another one, leaves
// none for the next, even if that asks for the same template.
func TestOldApprovalIsWorthNothing(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(2), manifest.Annotated(api.StepsAnnotation, "1,pause,100%,pause")))
	s.SetImage("tomcat=tomcat:8")
	s.atPause("step 2 of 4, waiting for approval")
	message := rollout.FindCondition(s.Stored().Status.Conditions, rollout.Progressing).Message
	_, approval, found := strings.Cut(message, "--overwrite ")
	require.True(t, found, message)
	s.Kubectl("annotate", "rc/tomcat", approval)
	s.atPause("step 4 of 4, waiting for approval")

	require.Zero(t, s.run("rcroll", "abort", "tomcat").ExitCode)
	s.AwaitRollback("tomcat:7", 2)
	s.ExpectRefused("no rolling update is in progress", "annotate", "rc/tomcat", approval)
	s.SetImage("tomcat=tomcat:8")
	s.atPause("step 2 of 4, waiting for approval")

	require.Zero(t, s.run("rcroll", "approve", "tomcat").ExitCode)
	s.SetImage("tomcat=tomcat:9")
	s.ExpectRefused("is for another rolling update", "annotate", "rc/tomcat", "--overwrite", approval)
	s.atPause("step 2 of 4, waiting for approval")
	s.Kubectl("annotate", "rc/tomcat", "--overwrite", api.ApproveAnnotation+"="+s.requestedHash()+"/4")
	s.AwaitRollout("tomcat:9", 2)
	s.Expect(harness.AnyTurnover(2))
}

// atPause waits until the rollout to what is requested is at the pause of a step.
func (s *scenario) atPause(says string) {
	s.Helper()
	number, _, _ := strings.Cut(says, ",")
	where, of := "Paused at "+number, "of tomcat-"+s.requestedHash()
	s.Await(says, func(m observe.Moment) bool {
		return isAtPause(m) && strings.Contains(pauseMessage(m), where) && strings.Contains(pauseMessage(m), of)
	})
	out := s.run("rcroll", "status", "tomcat", "--success-on=paused", "--timeout=30s")
	require.Zero(s, out.ExitCode, out.Stderr)
	require.Contains(s, out.Stdout, says)
}

func pauseMessage(m observe.Moment) string {
	return harness.Condition(m.RC, rollout.Progressing).Message
}

// requestedHash is that of the template that is requested.
func (s *scenario) requestedHash() string {
	s.Helper()
	request, err := api.ParseSpec(s.Stored().Annotations[api.RequestAnnotation])
	require.NoError(s, err)
	return request.Hash(api.DefaultHashLabelKey)
}

func isAtPause(m observe.Moment) bool {
	progressing := harness.Condition(m.RC, rollout.Progressing)
	return progressing != nil && progressing.Reason == rollout.ReasonPausedAtStep
}

// expectPods are the new and the old pods that there are and are to be.
func (s *scenario) expectPods(newPods, oldPods int32) {
	s.Helper()
	s.Await("the pods of the step", func(m observe.Moment) bool {
		return len(m.Owned()) == 1 && m.Owned()[0].Replicas() == newPods && m.RC.Replicas() == oldPods &&
			harness.Available("tomcat:8", int(newPods))(m) && harness.Available("tomcat:7", int(oldPods))(m)
	})
}

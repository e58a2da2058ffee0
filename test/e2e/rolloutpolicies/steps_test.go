package rolloutpolicies

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

// The steps of a policy divide the rollout of what has none of its own. Every command sees
// them, and the approval is one of theirs: it takes the right to it.
func TestSteps(t *testing.T) {
	t.Parallel()
	s := given(t, `defaults: {steps: [{replicas: 1}, {pause: {}}, {percent: 100}, {pause: {}}]}`, manifest.Replicas(2))
	s.SetImage("tomcat=tomcat:8")
	paused := s.Await("it pauses", reads(rollout.ReasonPausedAtStep))
	const says = "step 2 of 4, waiting for approval"
	for _, args := range [][]string{{"status", "tomcat", "--success-on=paused"}, {"get", "tomcat"}, {"list"}} {
		out := s.Execute("kubectl-rcroll", "", args...)
		require.Zero(t, out.ExitCode, out.Stderr)
		assert.Contains(t, out.Stdout, says, args)
	}
	const paused5 = 5
	assert.Equal(t, paused5, s.Execute("kubectl-rcroll", "", "status", "tomcat").ExitCode, "as without success-on")
	message := harness.Condition(paused.RC, rollout.Progressing).Message
	_, approval, found := strings.Cut(message, "--overwrite ")
	require.True(t, found, message)
	s.ExpectRefused("step 3 is no pause", "annotate", "rc/tomcat", strings.TrimSuffix(approval, "2")+"3")
	harness.Grant(t, s.Namespace, "alice", harness.RCRule("replicationcontrollers"))
	s.ExpectRefused("the verb approve on rolloutpolicies.rcroll.dev/"+s.Namespace, "annotate", "rc/tomcat", approval, "--as=alice")
	s.Kubectl("create", "clusterrole", s.Namespace, "--verb=approve", "--resource=rolloutpolicies.rcroll.dev", "--resource-name="+s.Namespace)
	s.Kubectl("create", "clusterrolebinding", s.Namespace, "--clusterrole="+s.Namespace, "--user=alice")
	s.Cleanup(func() { s.TryKubectl("", "delete", "clusterrole,clusterrolebinding", s.Namespace) })
	require.Eventually(t, func() bool {
		return s.TryKubectl("", "annotate", "rc/tomcat", approval, "--as=alice").ExitCode == 0
	}, harness.Patience, 200*time.Millisecond)
	assert.Equal(t, "alice", s.Stored().Annotations[api.ApprovedByAnnotation])

	s.Await("it pauses again", func(m observe.Moment) bool {
		progressing := harness.Condition(m.RC, rollout.Progressing)
		return reads(rollout.ReasonPausedAtStep)(m) && strings.Contains(progressing.Message, "step 4 of 4")
	})
	out := s.Execute("kubectl-rcroll", "", "approve", "tomcat")
	require.Zero(t, out.ExitCode, out.Stderr)
	s.AwaitRollout("tomcat:8", 2)
	assert.NotContains(t, s.Stored().Annotations, api.StepsAnnotation)
}

// New pods count as available once they are ready for as long as the policy says. The user's
// spec says nothing of it, then as before.
func TestMinReadySeconds(t *testing.T) {
	t.Parallel()
	const wait = 3 * time.Second
	s := given(t, `defaults: {minReadySeconds: 3}`, manifest.Replicas(1))
	s.SetImage("tomcat=tomcat:8")
	created := s.Await("the new pod is to come", func(m observe.Moment) bool { return len(m.Owned()) == 1 && m.Owned()[0].Replicas() == 1 })
	end := s.AwaitRollout("tomcat:8", 1)
	assert.GreaterOrEqual(t, end.At.Sub(created.At), wait)
	assert.Zero(t, s.Stored().Spec.MinReadySeconds)
}

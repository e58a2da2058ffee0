package commands

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// Exit codes of status, as documented.
const (
	failed     = 2
	rolledBack = 3
	notDone    = 4
	paused     = 5
)

// The gate opens when everything is done, and not before: not while the agent is dead in
// the middle of a rollout either. (No other test may run: it needs the agent.)
func TestStatusOpensAtTheEnd(t *testing.T) {
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	waiting := s.start("rcroll", "status", "tomcat")
	s.AwaitHalfway("tomcat:8")
	require.NoError(t, s.Cluster.Kill(harness.Agent))
	t.Cleanup(func() { require.NoError(t, s.Cluster.Run("start", harness.Agent)) })
	out := s.run("rcroll", "status", "tomcat", "--timeout=3s")
	assert.Equal(t, notDone, out.ExitCode, out.Stdout+out.Stderr)
	assert.Contains(t, out.Stderr, "not done yet after 3s")
	assert.Equal(t, notDone, s.run("rcroll", "status", "tomcat", "--watch=false").ExitCode)
	require.NoError(t, s.Cluster.Run("start", harness.Agent))

	out = waiting.wait()
	assert.Zero(t, out.ExitCode, out.Stderr)
	assert.Contains(t, out.Stdout, "rc/tomcat: done, all 5 pods are available, with the template of tomcat:8\n")
	rc := s.Stored()
	assert.NotContains(t, rc.Labels, api.RollingLabel)
	assert.Equal(t, rc.Generation, rc.Status.ObservedGeneration)
	assert.EqualValues(t, 5, rc.Status.AvailableReplicas)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// Each other end has a code of its own.
func TestStatusFailed(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(2), manifest.Annotated(api.ProgressDeadlineAnnotation, "3s")))
	s.SetImage("tomcat=tomcat:bad")
	out := s.run("rcroll", "status", "tomcat")
	assert.Equal(t, failed, out.ExitCode)
	assert.Contains(t, out.Stderr, "ImagePullBackOff")

	// Tried again it fails again, not at once: that would be what failed before.
	out = s.run("rcroll", "retry", "tomcat")
	require.Zero(t, out.ExitCode, out.Stderr)
	out = s.run("rcroll", "status", "tomcat", "--watch=false")
	assert.Equal(t, notDone, out.ExitCode, out.Stderr)
	assert.Equal(t, failed, s.run("rcroll", "status", "tomcat").ExitCode)

	// The next request is not taken for one that failed.
	s.SetImage("tomcat=tomcat:8")
	out = s.run("rcroll", "status", "tomcat")
	assert.Zero(t, out.ExitCode, out.Stderr)
	s.AwaitRollout("tomcat:8", 2)
}

func TestStatusRolledBack(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(2), manifest.Annotated(api.ProgressDeadlineAnnotation, "3s", api.OnFailureAnnotation, string(api.Rollback))))
	s.SetImage("tomcat=tomcat:bad")
	out := s.run("rcroll", "status", "tomcat")
	assert.Equal(t, rolledBack, out.ExitCode, out.Stdout)
	assert.Contains(t, out.Stderr, "tomcat was rolled back")
	out = s.run("rcroll", "status", "tomcat", "--watch=false")
	assert.Equal(t, rolledBack, out.ExitCode, "it stays so until the next one")
	assert.Equal(t, 1, s.run("rcroll", "retry", "tomcat").ExitCode)
}

// Pause, resume and abort, and what each tells.
func TestPauseResumeAbort(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	require.Zero(t, s.run("rcroll", "set", "image", "tomcat", "tomcat=tomcat:8").ExitCode)
	s.AwaitHalfway("tomcat:8")
	assert.Equal(t, "replicationcontroller/tomcat paused\n", s.run("rcroll", "pause", "tomcat").Stdout)
	out := s.run("rcroll", "status", "tomcat")
	assert.Equal(t, paused, out.ExitCode)
	assert.Contains(t, s.run("rcroll", "list", "-o", "wide").Stdout, "Paused")
	assert.Contains(t, s.run("rcroll", "list", "-A").Stdout, s.Namespace)
	assert.NotContains(t, s.run("rcroll", "list", "-l", "app=other").Stdout, "tomcat")
	out = s.run("rcroll", "diff", "tomcat")
	assert.Equal(t, 1, out.ExitCode)
	assert.Equal(t, "spec.template.spec.containers[0].image\n- \"tomcat:7\"\n+ \"tomcat:8\"\n", out.Stdout)
	for _, command := range []string{"status", "pause"} {
		out = s.run("rcroll", command, hashed.FindString(s.run("rcroll", "list", "-o", "wide").Stdout))
		assert.Equal(t, 1, out.ExitCode)
		assert.Contains(t, out.Stderr, "belongs to the rolling update of rc/tomcat: name that one")
	}
	tree := s.run("rcroll", "get", "tomcat").Stdout
	assert.Contains(t, tree, "Paused")
	assert.Contains(t, tree, "pod/tomcat-")

	assert.Equal(t, "replicationcontroller/tomcat resumed\n", s.run("rcroll", "resume", "tomcat").Stdout)
	waiting := s.start("rcroll", "status", "tomcat")
	out = s.run("rcroll", "abort", "tomcat")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, rolledBack, waiting.wait().ExitCode)
	s.AwaitRollback("tomcat:7", 5)
	assert.Equal(t, 1, s.run("rcroll", "abort", "tomcat").ExitCode)
	assert.Zero(t, s.run("rcroll", "diff", "tomcat").ExitCode)
}

// kubectl set image back to the live image sends nothing; this one cancels.
func TestSetImageBack(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	require.Zero(t, s.run("rcroll", "set", "image", "tomcat", "tomcat=tomcat:8").ExitCode)
	s.AwaitHalfway("tomcat:8")
	out := s.run("rcroll", "set", "image", "tomcat", "tomcat=tomcat:7")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, "replicationcontroller/tomcat rolled back to tomcat:7\n", out.Stdout)
	s.AwaitRollback("tomcat:7", 5)
}

// Where rcroll does not act, a command that should have pods replaced does not succeed.
func TestSetImageWithoutRcroll(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(1), manifest.Annotated(api.EnabledKey, "false")))
	for _, args := range [][]string{{"set", "image", "tomcat", "tomcat=tomcat:8"}, {"restart", "tomcat"}} {
		out := s.run(append([]string{"rcroll"}, args...)...)
		assert.Equal(t, 1, out.ExitCode)
		assert.Contains(t, out.Stderr, "rcroll does not roll it: no pods are replaced")
	}
	assert.Zero(t, s.run("rcroll", "set", "image", "tomcat", "tomcat=tomcat:8").ExitCode, "nothing is left to change")
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(2)))
	require.Zero(t, s.run("rcroll", "restart", "tomcat").ExitCode)
	out := s.run("rcroll", "status", "tomcat")
	assert.Zero(t, out.ExitCode, out.Stderr)
	s.AwaitRollout("tomcat:7", 2)
	s.Expect(harness.SurgeOne(2))
}

// A user who may do nothing but edit ReplicationControllers and see the pods of the
// namespace needs no other right.
func TestRightsOfAUser(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(2)))
	s.Kubectl("create", "role", "editor", "--verb=get,list,watch,patch,update", "--resource=replicationcontrollers")
	s.Kubectl("create", "role", "viewer", "--verb=get,list,watch", "--resource=pods")
	s.Kubectl("create", "rolebinding", "editor", "--role=editor", "--user=alice")
	s.Kubectl("create", "rolebinding", "viewer", "--role=viewer", "--user=alice")
	var out harness.Output
	require.Eventually(t, func() bool {
		out = s.run("rcroll", "get", "tomcat", "--as=alice")
		return out.ExitCode == 0
	}, harness.Patience, pollInterval, "%s", out.Stderr)
	out = s.run("rolling-update", "tomcat", "--image=tomcat:8", "--as=alice")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Contains(t, out.Stdout, "replicationcontroller/tomcat rolling updated")
	for _, command := range []string{"pause", "resume", "restart"} {
		out = s.run("rcroll", command, "tomcat", "--as=alice")
		assert.Zero(t, out.ExitCode, out.Stderr)
	}
	out = s.run("rcroll", "status", "tomcat", "--as=alice")
	assert.Zero(t, out.ExitCode, out.Stderr)
	s.Await("the end", func(m observe.Moment) bool { return !harness.Pending(m) })

	out = s.run("rcroll", "status", "tomcat", "--as=mallory")
	assert.Equal(t, 1, out.ExitCode)
	assert.Contains(t, out.Stderr, "Error from server (Forbidden)")
}

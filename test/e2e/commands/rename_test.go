package commands

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// v1 and v2 are the two ReplicationControllers of the old command's examples: of another
// name, and with another value in the selector.
func v1(t *testing.T, replicas int) manifest.RC {
	t.Helper()
	return version(t, "v1", replicas)
}

func version(t *testing.T, version string, replicas int) manifest.RC {
	t.Helper()
	labels := map[string]string{"app": "tomcat", "version": version}
	return manifest.Tomcat(t, manifest.Replicas(replicas), manifest.Named("frontend-"+version), manifest.Image("image:"+version),
		manifest.PodLabelled(labels), manifest.Selecting(labels))
}

func jsonFile(t *testing.T, rc manifest.RC) string {
	t.Helper()
	text, err := json.Marshal(rc)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), rc.Name()+".json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// expectRenamed checks that frontend-v2 has n pods and frontend-v1 is gone, and that there
// was never a pod too few or too many.
func (s *scenario) expectRenamed(n int) {
	s.Helper()
	s.Await("its pods have the new controller", func(m observe.Moment) bool {
		owned := 0
		for _, pod := range m.WithImage("image:v2") {
			if pod.Owner == "frontend-v2" {
				owned++
			}
		}
		return m.RC == nil && owned == n && len(m.Pods) == n
	})
	result := s.Result()
	assert.Equal(s, n, result.LowestAvailable(), "available pods")
	assert.LessOrEqual(s, result.HighestPods(), n+1)
	assert.Len(s, result.Created(), n)
	assert.Len(s, result.Deleted(), n)
	_, err := s.RCs().Get(s.Context(), "frontend-v1", metav1.GetOptions{})
	assert.True(s, apierrors.IsNotFound(err), "%v", err)
	rc, err := s.RCs().Get(s.Context(), "frontend-v2", metav1.GetOptions{})
	require.NoError(s, err)
	assert.EqualValues(s, n, *rc.Spec.Replicas)
	for key := range rc.Spec.Selector {
		assert.NotContains(s, key, "kubectl.kubernetes.io")
	}
	for key := range rc.Annotations {
		assert.NotContains(s, key, "kubectl.kubernetes.io")
	}
}

// With a file of another name the pods are rolled first, and then given to the
// ReplicationController in the file. The words are those of the old command, which runs
// beside it, with both names: with one its last versions took the old name back.
func TestRollingUpdateRenames(t *testing.T) {
	t.Parallel()
	s, old := given(t, v1(t, 3)), given(t, v1(t, 3))
	path := jsonFile(t, version(t, "v2", 3))
	out := s.run("rolling-update", "frontend-v1", "-f", path)
	require.Zero(t, out.ExitCode, out.Stderr)
	s.expectRenamed(3)
	command, stdout, stderr := s.program(t.Context(), "oldkubectl", "rolling-update", "frontend-v1", "frontend-v2", "-f", path, "--update-period=1ms", "--poll-interval=100ms", "--namespace="+old.Namespace)
	said := s.finish(command.Run(), command, stdout, stderr)
	require.Zero(t, said.ExitCode, said.Stderr)
	assert.Equal(t, said.Stdout, out.Stdout)
}

// Whatever ends the command, the same one again goes on: while pods are rolled, and when
// the old ReplicationController is gone and the new one does not have its pods yet.
func TestRollingUpdateRenamingInterrupted(t *testing.T) {
	t.Parallel()
	s := given(t, v1(t, 2))
	args := []string{"rolling-update", "frontend-v1", "frontend-v2", "--image=image:v2"}
	first := s.start(args...)
	s.Await("a new pod", harness.Available("image:v2", 1))
	require.NoError(t, first.Process.Signal(os.Interrupt))
	out := first.wait()
	assert.Equal(t, 130, out.ExitCode)
	assert.Contains(t, out.Stderr, "To follow it again, and have it become frontend-v2: kubectl rolling-update frontend-v1 frontend-v2 --image=image:v2\n")
	s.Await("the rollout ends without the command", harness.Serves("image:v2", 2))

	second := s.start(args...)
	s.Await("the old one is gone", func(m observe.Moment) bool { return m.RC == nil })
	require.NoError(t, second.Process.Kill())
	_ = second.wait()
	for _, pod := range s.Now().Pods {
		assert.Empty(t, pod.Owner)
	}
	out = s.run(args...)
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, "Found existing update in progress (frontend-v2), resuming.\nreplicationcontroller/frontend-v2 rolling updated to \"frontend-v2\"\n", out.Stdout)
	s.expectRenamed(2)
}

// A rollout that leads to another name is rolled back under either name, and leaves none.
func TestRollingUpdateRenamingRolledBack(t *testing.T) {
	t.Parallel()
	s := given(t, v1(t, 2))
	out := s.run("rolling-update", "frontend-v1", "frontend-v2", "--image=image:bad", "--timeout=2s")
	assert.Equal(t, 1, out.ExitCode)
	assert.Contains(t, out.Stderr, "To roll it back: kubectl rolling-update frontend-v1 frontend-v2 --rollback")
	out = s.run("rolling-update", "frontend-v1", "frontend-v3", "--rollback")
	assert.Contains(t, out.Stderr, "Could not find frontend-v3 to rollback.")
	out = s.run("rolling-update", "frontend-v1", "frontend-v2", "--rollback")
	require.Zero(t, out.ExitCode, out.Stderr)
	s.AwaitRollback("image:v1", 2)
	assert.NotContains(t, s.Stored().Annotations, "kubectl.kubernetes.io/next-controller-id")
}

// What would get in the way at the end is told at the beginning.
func TestRollingUpdateCannotRename(t *testing.T) {
	t.Parallel()
	s := given(t, v1(t, 1))
	refused := func(says string, args ...string) {
		t.Helper()
		s.ExpectUnchanged(func() {
			out := s.run(append([]string{"rolling-update", "frontend-v1"}, args...)...)
			assert.Equal(t, 1, out.ExitCode)
			assert.Contains(t, out.Stderr, says)
		})
	}
	file := jsonFile(t, version(t, "v2", 1))
	refused("frontend-v1 cannot have the same name as the existing ReplicationController frontend-v1", "frontend-v1", "--image=image:v2")
	elsewhere := version(t, "v2", 1)
	elsewhere.Metadata()["namespace"] = "elsewhere"
	refused("is of frontend-v2, not of frontend-v3", "frontend-v3", "-f", file)
	refused("namespace", "-f", jsonFile(t, elsewhere))
	out := s.run("rolling-update", "frontend-v1", "-f", file, "--dry-run")
	assert.Equal(t, "Rolling from:\nfrontend-v1\nTo:\nfrontend-v2\n", out.Stdout, out.Stderr)

	s.Kubectl("create", "quota", "rcs", "--hard=count/replicationcontrollers=2")
	s.Apply(manifest.Tomcat(t, manifest.Named("wide"), manifest.Replicas(0)))
	refused("exceeded quota", "-f", file)
	s.Kubectl("delete", "quota", "rcs")
	refused("rc/wide selects the pods of frontend-v1, too", "-f", file)
	s.Kubectl("delete", "rc", "wide")
	s.Apply(version(t, "v2", 0))
	refused("frontend-v2 exists already, and is not what an interrupted rolling update of frontend-v1 left", "-f", file)
	assert.NotContains(t, strings.Join(s.Now().Messages(), "\n"), "Created")
}

package commands

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// roll rolls to an image and waits for the end.
func (s *scenario) roll(image string, n int) {
	s.Helper()
	s.SetImage("tomcat=" + image)
	s.AwaitRollout(image, n)
}

// Undo goes back to each of three earlier revisions, by the plugin and by plain kubectl, and
// the history tells it.
func TestUndo(t *testing.T) {
	t.Parallel()
	const n = 1
	s := given(t, manifest.Tomcat(t, manifest.Replicas(n), manifest.Annotated("kubernetes.io/change-cause", "the first one")))
	out := s.run("rcroll", "undo", "tomcat")
	assert.Equal(t, 1, out.ExitCode)
	assert.Contains(t, out.Stderr, "error: rc/tomcat: no rollout history found")

	s.SetImage("tomcat=tomcat:8")
	s.Kubectl("annotate", s.Ref(), "--overwrite", "kubernetes.io/change-cause=CVE-1")
	s.AwaitRollout("tomcat:8", n)
	s.roll("tomcat:9", n)
	s.roll("tomcat:10", n)
	assert.Equal(t, []string{"1 tomcat:7", "2 tomcat:8 Succeeded CVE-1", "3 tomcat:9 Succeeded", "4 tomcat:10 Succeeded"}, s.History())
	table := s.run("rcroll", "history", "rc/tomcat", "-o", "wide").Stdout
	assert.Regexp(t, `(?m)^2 +tomcat:8 +Succeeded +\d+s ago +CVE-1 +\S+ +\d+s +tomcat-[0-9a-f]{10}$`, table)
	assert.Regexp(t, `(?m)^4 +\* +tomcat:10 +Succeeded`, table)
	assert.Contains(t, s.run("rcroll", "history", "tomcat", "--revision=3").Stdout, "image: tomcat:9")

	s.expectCompletion("1\ttomcat:7", "2\ttomcat:8", "3\ttomcat:9", "4\ttomcat:10")

	out = s.run("rcroll", "undo", "rc/tomcat", "--to-revision=1", "--dry-run")
	assert.Equal(t, "replicationcontroller/tomcat rolled back (server dry run)\n", out.Stdout)
	assert.NotContains(t, s.Stored().Annotations, api.RequestAnnotation)
	for number, image := range []string{1: "tomcat:7", 2: "tomcat:8", 3: "tomcat:9"} {
		if image == "" {
			continue
		}
		out = s.run("rcroll", "undo", "tomcat", fmt.Sprintf("--to-revision=%d", number))
		require.Zero(t, out.ExitCode, out.Stderr)
		assert.Equal(t, "replicationcontroller/tomcat rolled back\n", out.Stdout)
		s.AwaitRollout(image, n)
	}
	assert.Equal(t, []string{"4 tomcat:10 Succeeded", "5 tomcat:7 Succeeded", "6 tomcat:8 Succeeded", "7 tomcat:9 Succeeded"}, s.History())
	out = s.run("rcroll", "undo", "tomcat", "--to-revision=7")
	assert.Equal(t, "replicationcontroller/tomcat skipped rollback (current template already matches revision 7)\n", out.Stdout)
	assert.Zero(t, out.ExitCode)

	for number, image := range []string{4: "tomcat:10", 5: "tomcat:7", 6: "tomcat:8"} {
		if image == "" {
			continue
		}
		s.patchToRevision(number)
		s.AwaitRollout(image, n)
	}
	// The one before is the one that served last.
	require.Zero(t, s.run("rcroll", "undo", "tomcat").ExitCode)
	s.AwaitRollout("tomcat:7", n)
	s.Expect(harness.AnyTurnover(n))
}

// patchToRevision goes back as docs/history.md says.
func (s *scenario) patchToRevision(number int) {
	s.Helper()
	name := s.Kubectl("get", "controllerrevisions", "-l", "app=tomcat", "-o", fmt.Sprintf("jsonpath={.items[?(@.revision==%d)].metadata.name}", number)).Stdout
	require.NotEmpty(s, name)
	s.Kubectl("patch", s.Ref(), "-p", s.Kubectl("get", "controllerrevision", name, "-o", "jsonpath={.data}").Stdout)
}

// In the middle of a rollout undo cancels it, or leads to another revision.
func TestUndoInTheMiddle(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(3), manifest.Annotated(api.UpdatePeriodAnnotation, "1s")))
	s.roll("tomcat:8", 3)
	for _, c := range []struct{ to, ends, recorded string }{{"0", "tomcat:8", "3 tomcat:9 Progressing"}, {"1", "tomcat:7", "4 tomcat:9 Progressing"}} {
		s.SetImage("tomcat=tomcat:9")
		s.Await("a first pod of tomcat:9 serves", harness.Available("tomcat:9", 1))
		assert.Contains(t, s.History(), c.recorded)
		out := s.run("rcroll", "undo", "tomcat", "--to-revision="+c.to)
		require.Zero(t, out.ExitCode, out.Stderr)
		s.Await(c.ends+" serves", harness.Serves(c.ends, 3))
	}
	assert.Equal(t, []string{"2 tomcat:8 Succeeded", "4 tomcat:9 Superseded", "5 tomcat:7 Succeeded"}, s.History())

	s.Kubectl("delete", s.Ref())
	require.Eventually(t, func() bool {
		return s.Kubectl("get", "controllerrevisions", "-o", "name").Stdout == ""
	}, harness.Patience, pollInterval, "the history goes with its ReplicationController")
}

// The numbers of the revisions are completed, with what they ran.
func (s *scenario) expectCompletion(lines ...string) {
	s.Helper()
	command, stdout, stderr := s.program(s.Context(), "kubectl", "rcroll", "__complete", "undo", s.RCName, "--namespace="+s.Namespace, "--to-revision", "")
	out := s.finish(command.Run(), command, stdout, stderr)
	assert.Contains(s, out.Stdout, strings.Join(lines, "\n")+"\n:", out.Stderr)
}

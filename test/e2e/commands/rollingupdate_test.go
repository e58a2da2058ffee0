package commands

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

var hashed = regexp.MustCompile(`tomcat-[0-9a-f]{32}`)

// lines of an output, with NEW in place of the name of the new ReplicationController.
func lines(output string) []string {
	return strings.Split(strings.TrimSpace(hashed.ReplaceAllString(output, "NEW")), "\n")
}

// oldLines are what the old command printed, see its last version: kubectl v1.17.
func oldLines() []string {
	want := []string{"Created NEW", "Scaling up NEW from 0 to 5, scaling down tomcat from 5 to 0 (keep 5 pods available, don't exceed 6 pods)"}
	for i := 1; i <= 5; i++ {
		want = append(want, fmt.Sprintf("Scaling NEW up to %d", i), fmt.Sprintf("Scaling tomcat down to %d", 5-i))
	}
	return append(want, "Update succeeded. Deleting old controller: tomcat", "Renaming NEW to tomcat", "replicationcontroller/tomcat rolling updated")
}

// The command that the project is about, literally, prints what it always did.
func TestRollingUpdate(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	out := s.run("rolling-update", "tomcat", "--image=tomcat:8")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, oldLines(), lines(out.Stdout))
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// And so does the one that takes it back half-way.
func TestRollingUpdateRollback(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	first := s.start("rolling-update", "tomcat", "--image=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	out := s.run("rolling-update", "tomcat", "--image=tomcat:7", "--rollback")
	require.Zero(t, out.ExitCode, out.Stderr)
	told := lines(out.Stdout)
	assert.Equal(t, []string{`Setting "tomcat" replicas to 5`, "Continuing update with existing controller tomcat."}, told[:2])
	assert.Regexp(t, `^Scaling up tomcat from \d to 5, scaling down NEW from \d to 0 \(keep 5 pods available, don't exceed 6 pods\)$`, told[2])
	assert.Equal(t, []string{"Update succeeded. Deleting NEW", "replicationcontroller/tomcat rolling updated"}, told[len(told)-2:])
	s.AwaitRollback("tomcat:7", 5)
	s.Expect(harness.AnyTurnover(5))

	interrupted := first.wait()
	assert.Equal(t, 1, interrupted.ExitCode)
	assert.Contains(t, interrupted.Stderr, "the rolling update was cancelled, and is rolled back to tomcat:7")
}

// Who interrupts the command interrupts nothing else, and the same command goes on.
func TestRollingUpdateInterrupted(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	first := s.start("rolling-update", "tomcat", "--image=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	require.NoError(t, first.Process.Signal(os.Interrupt))
	out := first.wait()
	assert.Equal(t, 130, out.ExitCode)
	assert.Contains(t, out.Stderr, "goes on in the cluster. To follow it again: kubectl rolling-update tomcat --image=tomcat:8\n")

	out = s.run("rolling-update", "tomcat", "--image=tomcat:8")
	require.Zero(t, out.ExitCode, out.Stderr)
	told := lines(out.Stdout)
	assert.Equal(t, []string{"Found existing update in progress (NEW), resuming.", "Continuing update with existing controller NEW."}, told[:2])
	assert.Equal(t, oldLines()[12:], told[len(told)-3:])
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// A manifest is rolled out, whatever it changes.
func TestRollingUpdateToAFile(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t, manifest.Replicas(2))
	s := given(t, m)
	m.Containers("containers")[0]["env"] = []any{map[string]any{"name": "MODE", "value": "new"}}
	out := s.runWithInput(m.YAML(t), "rolling-update", "tomcat", "-f", "-", "--update-period=1s")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Contains(t, out.Stdout, "Update succeeded. Deleting old controller: tomcat")
	s.AwaitRollout("tomcat:7", 2)
	stored := s.Stored()
	assert.Equal(t, "new", stored.Spec.Template.Spec.Containers[0].Env[0].Value)
	assert.Equal(t, "1s", stored.Annotations[api.UpdatePeriodAnnotation])
	s.Expect(harness.SurgeOne(2))
}

// What fails does not exit with 0, and says why.
func TestRollingUpdateFails(t *testing.T) {
	t.Parallel()
	for onFailure, says := range map[api.OnFailure]string{api.Hold: "no progress for 3s", api.Rollback: "tomcat was rolled back"} {
		t.Run(string(onFailure), func(t *testing.T) {
			t.Parallel()
			s := given(t, manifest.Tomcat(t, manifest.Replicas(2), manifest.Annotated(api.ProgressDeadlineAnnotation, "3s", api.OnFailureAnnotation, string(onFailure))))
			out := s.run("rolling-update", "tomcat", "--image=tomcat:bad")
			assert.Equal(t, 1, out.ExitCode)
			assert.Contains(t, out.Stderr, says)
			assert.Contains(t, out.Stderr, "ImagePullBackOff")
			assert.NotContains(t, out.Stdout, "succeeded")
			assert.Equal(t, "Scaling NEW up to 1", lines(out.Stdout)[2])

			// It does not block the next one.
			out = s.run("rolling-update", "tomcat", "--image=tomcat:8")
			require.Zero(t, out.ExitCode, out.Stderr)
			s.AwaitRollout("tomcat:8", 2)
		})
	}
}

// --timeout ends the waiting only.
func TestRollingUpdateTimesOut(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(2)))
	out := s.run("rolling-update", "tomcat", "--image=tomcat:bad", "--timeout=2s")
	assert.Equal(t, 1, out.ExitCode)
	assert.Contains(t, out.Stderr, "timed out waiting for any update progress to be made")
	assert.Contains(t, out.Stderr, "To roll it back: kubectl rolling-update tomcat --rollback")
	assert.True(t, harness.Pending(s.Now()))
}

// Where rcroll does not act nothing is changed, for the pods would stay as they are.
func TestRollingUpdateWithoutRcroll(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(2), manifest.Annotated(api.EnabledKey, "false")))
	s.ExpectUnchanged(func() {
		out := s.run("rolling-update", "tomcat", "--image=tomcat:8")
		assert.Equal(t, 1, out.ExitCode)
		assert.Contains(t, out.Stderr, "rcroll does not roll rc/tomcat")
	})
}

func TestRollingUpdateDryRun(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(2)))
	s.ExpectUnchanged(func() {
		out := s.run("rolling-update", "tomcat", "--image=tomcat:8", "--dry-run")
		require.Zero(t, out.ExitCode, out.Stderr)
		assert.Equal(t, []string{"Rolling from:", "tomcat", "To:", "NEW"}, lines(out.Stdout))
	})
}

func TestRollingUpdateOutput(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(1)))
	out := s.run("rolling-update", "tomcat", "--image=tomcat:7", "--image-pull-policy=Always", "-o", "name")
	require.Zero(t, out.ExitCode, out.Stderr)
	told := lines(out.Stdout)
	assert.Equal(t, "replicationcontroller/tomcat", told[len(told)-1])
	s.AwaitRollout("tomcat:7", 1)
	s.Expect(harness.SurgeOne(1))
}

// Errors that the old command had are the same.
func TestErrorsOfTheOldCommand(t *testing.T) {
	t.Parallel()
	two := manifest.Tomcat(t, manifest.Replicas(1), manifest.Container("containers", "proxy", "proxy:1"))
	s := given(t, two)
	for _, args := range []string{
		"", "tomcat", "--deployment-label-key=", "tomcat --image=tomcat:8 -f rc.yaml", "tomcat -f a -f b", "missing --rollback",
		"missing -f rc.yaml", "tomcat --image=tomcat:8", "tomcat --image=tomcat:8 --container=none", "tomcat --image=tomcat:7 --container=tomcat", "tomcat -f /does/not/exist",
	} {
		t.Run(args, func(t *testing.T) {
			arguments := append([]string{"rolling-update"}, strings.Fields(args)...)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			command, stdout, stderr := s.program(ctx, "oldkubectl", append(arguments, "--namespace="+s.Namespace)...)
			old := s.finish(command.Run(), command, stdout, stderr)
			out := s.run(arguments...)
			want := strings.ReplaceAll(old.Stderr, "oldkubectl", "kubectl")
			want = strings.TrimPrefix(want, "Command \"rolling-update\" is deprecated, use \"rollout\" instead\n")
			assert.Equal(t, want, out.Stderr)
			assert.Equal(t, old.ExitCode, out.ExitCode)
			assert.Equal(t, old.Stdout, out.Stdout)
		})
	}
	assert.Equal(t, "tomcat:7", s.Stored().Spec.Template.Spec.Containers[0].Image)
}

// A file that does not say what tomcat is to become changes nothing.
func TestRollingUpdateToAFileThatDoesNotFit(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t, manifest.Replicas(1))
	s := given(t, m)
	next := m.With(manifest.Image("tomcat:8"))
	for says, text := range map[string]string{
		"- contains a /v1, Kind=Service not a ReplicationController": "{apiVersion: v1, kind: Service, metadata: {name: tomcat}}",
		"- specifies multiple items":                                 next.YAML(t) + "\n---\n" + next.YAML(t),
		"please make sure - exists and is not empty":                 "# nothing",
	} {
		t.Run(says, func(t *testing.T) {
			s := &scenario{s.For(t)}
			s.ExpectUnchanged(func() {
				out := s.runWithInput(text, "rolling-update", "tomcat", "-f", "-")
				assert.Equal(t, 1, out.ExitCode)
				assert.Contains(t, out.Stderr, says)
			})
		})
	}
}

// What is refused half-way, and what is not: another image supersedes.
func TestRollingUpdateHalfway(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(2), manifest.Annotated(api.PausedAnnotation, "true")))
	refused := func(says string, args ...string) {
		t.Helper()
		out := s.run(append([]string{"rolling-update", "tomcat"}, args...)...)
		assert.Equal(t, 1, out.ExitCode)
		assert.Contains(t, out.Stderr, says)
	}
	refused("Could not find an update of tomcat to rollback.\n", "--rollback")
	refused("timed out waiting for any update progress to be made", "--image=tomcat:8", "--timeout=1s")
	assert.True(t, harness.Requests("tomcat:8")(s.Await("8 is requested", harness.Pending)))
	refused("Found existing in-progress update to image (tomcat:8).\nEither continue in-progress update with --image=tomcat:8 or rollback with --rollback\n", "--image=tomcat:7")
	refused("--image=tomcat:9 is not what a rollback leads to, which is tomcat:7", "--image=tomcat:9", "--rollback")
	refused("Could not find tomcat-8 to rollback.\n", "tomcat-8", "--rollback")
	refused("tomcat cannot have the same name as the existing ReplicationController tomcat", "tomcat", "--image=tomcat:8")

	next := s.start("rolling-update", "tomcat", "--image=tomcat:9")
	s.Await("9 is requested", harness.Requests("tomcat:9"))
	require.Zero(t, s.run("rcroll", "resume", "tomcat").ExitCode)
	out := next.wait()
	assert.Zero(t, out.ExitCode, out.Stderr)
	assert.Contains(t, out.Stderr, "rc/tomcat is paused; to resume it: ")
	assert.Contains(t, out.Stdout, "Update succeeded. Deleting old controller: tomcat\n")
	s.AwaitRollout("tomcat:9", 2)
}

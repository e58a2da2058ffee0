package commands

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

var frontend = regexp.MustCompile(`frontend-v1-[0-9a-f]{32}`)

// transcript is what a command of the examples printed, with NEW in place of the name of
// the new ReplicationController.
func transcript(out harness.Output) string {
	return strings.TrimSpace(frontend.ReplaceAllString(out.Stdout, "NEW"))
}

// rolled is what the old command printed of a rolling update of one pod that keeps its
// name.
const rolled = `Created NEW
Scaling up NEW from 0 to 1, scaling down frontend-v1 from 1 to 0 (keep 1 pods available, don't exceed 2 pods)
Scaling NEW up to 1
Scaling frontend-v1 down to 0
Update succeeded. Deleting old controller: frontend-v1
Renaming NEW to frontend-v1
replicationcontroller/frontend-v1 rolling updated`

// The examples that kubectl rolling-update --help had, in their order and as they stand
// there. Those that gave the ReplicationController another name are refused, and say what
// to do instead.
func TestExamplesOfTheOldCommand(t *testing.T) {
	t.Parallel()
	v1 := manifest.Tomcat(t, manifest.Replicas(1), manifest.Named("frontend-v1"), manifest.Image("image:v1"))
	s := given(t, v1)
	file := func(rc manifest.RC) string {
		text, err := json.Marshal(rc)
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "frontend-v2.json")
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	refused := func(says string, args ...string) {
		t.Helper()
		s.ExpectUnchanged(func() {
			out := s.run(args...)
			assert.Equal(t, 1, out.ExitCode)
			assert.Contains(t, out.Stderr, says)
			assert.Empty(t, out.Stdout)
		})
	}

	// kubectl rolling-update frontend-v1 -f frontend-v2.json
	path := file(v1.With(manifest.Named("frontend-v2"), manifest.Image("image:v2")))
	refused(path+" is of frontend-v2, and frontend-v1 keeps its name: change metadata.name in it to frontend-v1", "rolling-update", "frontend-v1", "-f", path)
	out := s.run("rolling-update", "frontend-v1", "-f", file(v1.With(manifest.Image("image:v2"))))
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, rolled, transcript(out))
	s.AwaitRollout("image:v2", 1)

	// cat frontend-v2.json | kubectl rolling-update frontend-v1 -f -
	text, err := os.ReadFile(file(v1.With(manifest.Image("image:v3"))))
	require.NoError(t, err)
	out = s.runWithInput(string(text), "rolling-update", "frontend-v1", "-f", "-")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, rolled, transcript(out))
	s.AwaitRollout("image:v3", 1)

	// kubectl rolling-update frontend-v1 frontend-v2 --image=image:v2
	refused("frontend-v1 cannot become frontend-v2: a ReplicationController keeps its name; leave out frontend-v2", "rolling-update", "frontend-v1", "frontend-v2", "--image=image:v2")

	// kubectl rolling-update frontend --image=image:v2
	out = s.run("rolling-update", "frontend-v1", "--image=image:v2")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, rolled, transcript(out))
	s.AwaitRollout("image:v2", 1)

	// kubectl rolling-update frontend-v1 frontend-v2 --rollback
	refused("Could not find frontend-v2 to rollback.", "rolling-update", "frontend-v1", "frontend-v2", "--rollback")
	s.SetImage("tomcat=image:bad")
	moment := s.Await("a pod that cannot start", func(m observe.Moment) bool { return len(m.WithImage("image:bad")) == 1 })
	out = s.run("rolling-update", "frontend-v1", moment.Owned()[0].Name, "--rollback")
	require.Zero(t, out.ExitCode, out.Stderr)
	// The cluster may have taken the new pod away before the command looks.
	assert.Regexp(t, `^Setting "frontend-v1" replicas to 1
Continuing update with existing controller frontend-v1\.
Scaling up frontend-v1 from 1 to 1, scaling down NEW from (1 to 0|0 to 0) \(keep 1 pods available, don't exceed 2 pods\)(
Scaling NEW down to 0)?
Update succeeded\. Deleting NEW
replicationcontroller/frontend-v1 rolling updated$`, transcript(out))
	s.AwaitRollback("image:v2", 1)
}

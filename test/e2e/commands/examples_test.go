package commands

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
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

// renamed is what it printed of one that does not.
const renamed = `Created frontend-v2
Scaling up frontend-v2 from 0 to 1, scaling down frontend-v1 from 1 to 0 (keep 1 pods available, don't exceed 2 pods)
Scaling frontend-v2 up to 1
Scaling frontend-v1 down to 0
Update succeeded. Deleting frontend-v1
replicationcontroller/frontend-v2 rolling updated to "frontend-v2"
`

// The examples that kubectl rolling-update --help had, in their order and as they stand
// there.
func TestExamplesOfTheOldCommand(t *testing.T) {
	t.Parallel()
	s := given(t, v1(t, 1))
	file := jsonFile(t, version(t, "v2", 1))

	// kubectl rolling-update frontend-v1 -f frontend-v2.json
	out := s.run("rolling-update", "frontend-v1", "-f", file)
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, renamed, out.Stdout)
	s.expectRenamed(1)

	// cat frontend-v2.json | kubectl rolling-update frontend-v1 -f -
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	s = given(t, v1(t, 1))
	out = s.runWithInput(string(text), "rolling-update", "frontend-v1", "-f", "-")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, renamed, out.Stdout)
	s.expectRenamed(1)

	// kubectl rolling-update frontend-v1 frontend-v2 --image=image:v2
	s = given(t, v1(t, 1))
	out = s.run("rolling-update", "frontend-v1", "frontend-v2", "--image=image:v2")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, renamed, out.Stdout)
	s.expectRenamed(1)

	s = given(t, v1(t, 1))
	// kubectl rolling-update frontend --image=image:v2
	out = s.run("rolling-update", "frontend-v1", "--image=image:v2")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, rolled, transcript(out))
	s.AwaitRollout("image:v2", 1)

	// kubectl rolling-update frontend-v1 frontend-v2 --rollback
	out = s.run("rolling-update", "frontend-v1", "frontend-v2", "--rollback")
	assert.Equal(t, 1, out.ExitCode)
	assert.Contains(t, out.Stderr, "Could not find frontend-v2 to rollback.")
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

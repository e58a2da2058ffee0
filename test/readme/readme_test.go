package readme

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// localclusterEnv names the executable that boots control planes, as an absolute
	// path; kubectl is beside it.
	localclusterEnv = "RCROLL_LOCALCLUSTER"

	// patience bounds a command, and the repetition of one that reads.
	patience = 3 * time.Minute

	pollInterval = 200 * time.Millisecond
)

// terminal runs commands as a user in the checkout does.
type terminal struct {
	root        string
	environment []string
}

// TestReadme runs the README's sessions from top to bottom.
func TestReadme(t *testing.T) {
	localcluster := os.Getenv(localclusterEnv)
	if localcluster == "" || testing.Short() {
		t.Skipf("%s does not name bin/localcluster, or -short is given: there is no control plane to test on", localclusterEnv)
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "cluster")
	terminal := &terminal{root: root, environment: append(os.Environ(),
		"KUBECONFIG="+filepath.Join(dir, "kubeconfig"), "KUBERC=off",
		"PATH="+filepath.Dir(localcluster)+string(filepath.ListSeparator)+os.Getenv("PATH"))}
	t.Cleanup(func() { terminal.must(t, localcluster, "--dir", dir, "down") })
	terminal.must(t, localcluster, "--dir", dir, "up")

	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	session := steps(string(readme))
	require.NotEmpty(t, session)
	for _, step := range session {
		terminal.run(t, step)
	}
}

// run fails the test unless the step prints what it should.
func (c *terminal) run(t *testing.T, s step) {
	t.Helper()
	begin := time.Now()
	for {
		output, _ := c.execute("sh", "-c", s.command) // a command may be shown to fail
		printed := string(output)
		if s.matches(printed) {
			t.Logf("$ %s\n%s", s.command, printed)
			return
		}
		if !s.reads() || time.Since(begin) > patience {
			require.FailNowf(t, "README.md shows another output", "$ %s\n%s\nREADME.md:\n%s", s.command, printed, s.output)
		}
		time.Sleep(pollInterval)
	}
}

func (c *terminal) must(t *testing.T, name string, args ...string) {
	t.Helper()
	output, err := c.execute(name, args...)
	require.NoError(t, err, string(output))
}

// execute returns all that a command prints.
func (c *terminal) execute(name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir, command.Env = c.root, c.environment
	return command.CombinedOutput()
}

package readme

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
)

const (
	// patience bounds a command, and the repetition of one that reads.
	patience = 3 * time.Minute

	pollInterval = 200 * time.Millisecond
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestReadme runs the README's sessions from top to bottom.
func TestReadme(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	require.NoError(t, err)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	session := steps(string(readme))
	require.NotEmpty(t, session)

	user := newTerminal(harness.Cluster(t), root)
	t.Cleanup(func() { _ = user.execute("kubectl delete rc tomcat") })
	for _, step := range session {
		user.run(t, step)
	}
}

// terminal runs commands as a user in the checkout does.
type terminal struct {
	root        string
	environment []string
}

func newTerminal(cluster *harness.ControlPlane, root string) *terminal {
	bin := filepath.Dir(cluster.Localcluster)
	return &terminal{root: root, environment: append(os.Environ(),
		"KUBECONFIG="+cluster.Kubeconfig(), "KUBERC=off",
		"PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))}
}

// run fails the test unless the step prints what it should.
func (c *terminal) run(t *testing.T, s step) {
	t.Helper()
	begin := time.Now()
	for {
		printed := c.execute(s.command)
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

// execute returns all that a command prints, whether it succeeds or fails.
func (c *terminal) execute(line string) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, "sh", "-c", line)
	command.Dir, command.Env = c.root, c.environment
	output, _ := command.CombinedOutput()
	return string(output)
}

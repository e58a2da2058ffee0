package install

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
)

func TestMain(m *testing.M) { harness.MainBare(m) }

// kubectl runs as the administrator, and fails the test if it does.
func kubectl(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	cluster := harness.Cluster(t)
	command := exec.Command(cluster.Program("kubectl"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig(), "KUBERC=off")
	return output(t, command)
}

func output(t *testing.T, command *exec.Cmd) (stdout, stderr string) {
	t.Helper()
	diagnostics, err := os.CreateTemp(t.TempDir(), "stderr")
	require.NoError(t, err)
	defer func() { _ = diagnostics.Close() }()
	command.Stderr = diagnostics
	out, err := command.Output()
	text, readErr := os.ReadFile(diagnostics.Name())
	require.NoError(t, readErr)
	require.NoError(t, err, "%s\n%s", command, text)
	return string(out), string(text)
}

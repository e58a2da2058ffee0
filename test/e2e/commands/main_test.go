package commands

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

func TestMain(m *testing.M) { harness.Main(m) }

// pollInterval is that of what is not observed.
const pollInterval = 200 * time.Millisecond

// scenario is a harness.Scenario whose kubectl has the plugins.
type scenario struct{ *harness.Scenario }

func given(t *testing.T, rc manifest.RC) *scenario {
	t.Helper()
	return &scenario{harness.Given(t, rc)}
}

// command is kubectl with the plugins on the PATH. kubectl takes no flags before the name
// of a plugin.
func (s *scenario) command(ctx context.Context, args ...string) (command *exec.Cmd, stdout, stderr *bytes.Buffer) {
	return s.program(ctx, "kubectl", append(args, "--namespace="+s.Namespace)...)
}

func (s *scenario) program(ctx context.Context, name string, args ...string) (command *exec.Cmd, stdout, stderr *bytes.Buffer) {
	command = exec.CommandContext(ctx, s.Cluster.Program(name), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+s.Cluster.Kubeconfig(),
		"PATH="+filepath.Dir(s.Cluster.Localcluster)+string(os.PathListSeparator)+os.Getenv("PATH"))
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	command.Stdout, command.Stderr = stdout, stderr
	return command, stdout, stderr
}

// run runs such a command to its end.
func (s *scenario) run(args ...string) harness.Output {
	s.Helper()
	return s.runWithInput("", args...)
}

func (s *scenario) runWithInput(stdin string, args ...string) harness.Output {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 3*time.Minute)
	defer cancel()
	command, stdout, stderr := s.command(ctx, args...)
	command.Stdin = strings.NewReader(stdin)
	return s.finish(command.Run(), command, stdout, stderr)
}

func (s *scenario) finish(err error, command *exec.Cmd, stdout, stderr *bytes.Buffer) harness.Output {
	s.Helper()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(s, err)
	}
	return harness.Output{Stdout: stdout.String(), Stderr: stderr.String(), ExitCode: command.ProcessState.ExitCode()}
}

// running is a command that is under way.
type running struct {
	*exec.Cmd
	wait func() harness.Output
}

func (s *scenario) start(args ...string) running {
	s.Helper()
	command, stdout, stderr := s.command(s.Context(), args...)
	require.NoError(s, command.Start())
	return running{command, func() harness.Output {
		s.Helper()
		return s.finish(command.Wait(), command, stdout, stderr)
	}}
}

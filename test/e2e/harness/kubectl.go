package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// editor is the user at kubectl edit, unless the scenario has another one.
const editor = "sed -i s/tomcat:7/tomcat:8/"

// output is what a command left behind.
type output struct {
	stdout, stderr string
	exitCode       int
}

// kubectl runs the real kubectl in the scenario's namespace; it has to succeed.
func (s *scenario) kubectl(args ...string) output {
	s.Helper()
	return s.feed("", args...)
}

// feed is kubectl with an input. Replace reads the version of the object before it
// writes; where a status is written in between, its user does it again, as with any
// ReplicationController whose pods come and go.
func (s *scenario) feed(stdin string, args ...string) output {
	s.Helper()
	out := s.try(stdin, args...)
	for again := 0; again < 3 && args[0] == "replace" && strings.Contains(out.stderr, "the object has been modified"); again++ {
		out = s.try(stdin, args...)
	}
	require.Zero(s, out.exitCode, "kubectl %s\n%s%s", strings.Join(args, " "), out.stdout, out.stderr)
	return out
}

// refused runs a kubectl that has to fail, with that in what it says.
func (s *scenario) refused(says string, args ...string) {
	s.Helper()
	out := s.try("", args...)
	require.NotZero(s, out.exitCode, "kubectl %s was not refused: %s%s", strings.Join(args, " "), out.stdout, out.stderr)
	require.Contains(s, out.stderr, says)
}

// try is kubectl with any result.
func (s *scenario) try(stdin string, args ...string) output {
	s.Helper()
	return s.execute(cluster.kubectl, stdin, args...)
}

// execute runs a client in the scenario's namespace.
func (s *scenario) execute(executable, stdin string, args ...string) output {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, executable, append([]string{"--namespace", s.namespace}, args...)...)
	command.Env = append(os.Environ(),
		"KUBECONFIG="+cluster.kubeconfig(),
		// Another cluster may have had the same port.
		"KUBECACHEDIR="+filepath.Join(cluster.dir, "kubectl-cache"),
		"KUBE_EDITOR="+cmp.Or(s.editor, editor))
	var stdout, stderr bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(s, err)
	}
	return output{stdout: stdout.String(), stderr: stderr.String(), exitCode: command.ProcessState.ExitCode()}
}

// apply applies a manifest; flags such as --server-side say how.
func (s *scenario) apply(m manifest, flags ...string) output {
	s.Helper()
	return s.feed(m.yaml(s), append([]string{"apply", "-f", "-"}, flags...)...)
}

// setImage is kubectl set image.
func (s *scenario) setImage(assignments ...string) output {
	s.Helper()
	return s.kubectl(append([]string{"set", "image", s.ref()}, assignments...)...)
}

// ref is the ReplicationController as an argument of kubectl.
func (s *scenario) ref() string { return "rc/" + s.name }

package harness

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

	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// ServerSide is the flag of kubectl apply and diff.
const ServerSide = "--server-side"

// defaultEditor edits what kubectl edit shows, unless the scenario has an editor.
const defaultEditor = "sed -i s/tomcat:7/tomcat:8/"

// Output is what a command left behind.
type Output struct {
	Stdout, Stderr string
	ExitCode       int
}

// Kubectl runs the real kubectl in the scenario's namespace; it has to succeed.
func (s *Scenario) Kubectl(args ...string) Output {
	s.Helper()
	return s.KubectlWithInput("", args...)
}

// KubectlWithInput is Kubectl with an input. Replace reads the version of the object
// before it writes; where a status is written in between, its user does it again, as
// with any ReplicationController whose pods come and go.
func (s *Scenario) KubectlWithInput(stdin string, args ...string) Output {
	s.Helper()
	out := s.TryKubectl(stdin, args...)
	for again := 0; again < 3 && args[0] == "replace" && strings.Contains(out.Stderr, "the object has been modified"); again++ {
		out = s.TryKubectl(stdin, args...)
	}
	require.Zero(s, out.ExitCode, "kubectl %s\n%s%s", strings.Join(args, " "), out.Stdout, out.Stderr)
	return out
}

// TryKubectl is kubectl with any result.
func (s *Scenario) TryKubectl(stdin string, args ...string) Output {
	s.Helper()
	return s.Execute("kubectl", stdin, args...)
}

// Execute runs a client, kubectl or an old one, in the scenario's namespace.
func (s *Scenario) Execute(program, stdin string, args ...string) Output {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, s.Cluster.Program(program), append([]string{"--namespace", s.Namespace}, args...)...)
	command.Env = append(os.Environ(),
		"KUBECONFIG="+s.Cluster.Kubeconfig(),
		// Another cluster may have had the same port.
		"KUBECACHEDIR="+filepath.Join(s.Cluster.Dir, "kubectl-cache"),
		"KUBE_EDITOR="+cmp.Or(s.Editor, defaultEditor))
	var stdout, stderr bytes.Buffer
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(s, err)
	}
	return Output{Stdout: stdout.String(), Stderr: stderr.String(), ExitCode: command.ProcessState.ExitCode()}
}

// Apply applies a manifest; flags such as ServerSide say how.
func (s *Scenario) Apply(rc manifest.RC, flags ...string) Output {
	s.Helper()
	return s.KubectlWithInput(rc.YAML(s), append([]string{"apply", "-f", "-"}, flags...)...)
}

// SetImage is kubectl set image.
func (s *Scenario) SetImage(assignments ...string) Output {
	s.Helper()
	return s.Kubectl(append([]string{"set", "image", s.Ref()}, assignments...)...)
}

// Ref is the ReplicationController as an argument of kubectl.
func (s *Scenario) Ref() string { return "rc/" + s.RCName }

package helm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
)

const (
	chart = "../../../charts/rcroll"

	// postRendererPort makes this program a post-renderer of helm, which has the API server
	// call a process on that port: it reaches no pods here.
	postRendererPort = "RCROLL_POST_RENDERER_PORT"
)

func TestMain(m *testing.M) {
	if port := os.Getenv(postRendererPort); port != "" {
		if err := postRender(port); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	harness.MainBare(m)
}

func postRender(port string) error {
	manifests, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fmt.Errorf("read what helm rendered: %w", err)
	}
	if manifests, err = harness.WithURL(manifests, port); err != nil {
		return err
	}
	_, err = os.Stdout.Write(manifests)
	return err
}

// helm is one version of it, with what it keeps in directories of its own.
type helm struct {
	t            *testing.T
	program      string
	postRenderer string
	env          []string
}

// newHelm returns the version that make has built. Helm 3 runs a post-renderer by its path,
// Helm 4 as a plugin.
func newHelm(t *testing.T, name, port string) helm {
	t.Helper()
	cluster := harness.Cluster(t)
	self, err := os.Executable()
	require.NoError(t, err)
	home := t.TempDir()
	kubeconfig, err := os.ReadFile(cluster.Kubeconfig())
	require.NoError(t, err)
	private := filepath.Join(home, "kubeconfig") // helm warns of one that others can read
	require.NoError(t, os.WriteFile(private, kubeconfig, 0o600))
	h := helm{t: t, program: cluster.Program(name), postRenderer: self, env: append(os.Environ(),
		"KUBECONFIG="+private, "HELM_CACHE_HOME="+filepath.Join(home, "cache"), "HELM_CONFIG_HOME="+filepath.Join(home, "config"),
		"HELM_DATA_HOME="+filepath.Join(home, "data"), "HELM_PLUGINS="+filepath.Join(home, "plugins"), postRendererPort+"="+port)}
	if name == "helm4" {
		h.postRenderer = "process"
		installPlugin(t, filepath.Join(home, "plugins", h.postRenderer), self)
	}
	return h
}

func installPlugin(t *testing.T, dir, program string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "plugin.yaml"), fmt.Appendf(nil, `apiVersion: v1
type: postrenderer/v1
name: %s
version: 1.0.0
runtime: subprocess
runtimeConfig:
  platformCommand:
  - command: %q
`, filepath.Base(dir), program), 0o600))
}

// run fails the test if helm does, or warns of anything.
func (h helm) run(args ...string) string {
	h.t.Helper()
	wait := h.start(args...)
	out, err := wait()
	require.NoError(h.t, err)
	return out
}

// start returns a function that waits for the end.
func (h helm) start(args ...string) func() (string, error) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 3*time.Minute)
	command := exec.CommandContext(ctx, h.program, args...)
	command.Env = h.env
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	require.NoError(h.t, command.Start())
	return func() (string, error) {
		defer cancel()
		err := command.Wait()
		if err != nil {
			return "", fmt.Errorf("%s: %w\n%s%s", command, err, &stdout, &stderr)
		}
		if stderr.Len() > 0 {
			return "", fmt.Errorf("%s warns:\n%s", command, &stderr)
		}
		return stdout.String(), nil
	}
}

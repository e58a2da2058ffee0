package commands

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

var printedCommand = regexp.MustCompile(`(?m)^kubectl .*$`)

// Whoever runs what convert prints gets a Deployment, and at no time are fewer pods
// available than before.
func TestConvert(t *testing.T) {
	t.Parallel()
	const n = 3
	s := given(t, manifest.Tomcat(t, manifest.Replicas(n), manifest.Annotated(api.MaxSurgeAnnotation, "50%")))
	printed := s.run("rcroll", "convert", "rc/tomcat")
	require.Zero(t, printed.ExitCode, printed.Stderr)
	assert.NotContains(t, printed.Stdout, "rcroll")
	steps := printedCommand.FindAllString(printed.Stderr, -1)
	require.Len(t, steps, 5)

	dir := t.TempDir()
	config, err := os.ReadFile(s.Cluster.Kubeconfig())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config"), config, 0o600))
	bin := []string{filepath.Dir(s.Cluster.Program("kubectl")), filepath.Dir(s.Cluster.Localcluster), os.Getenv("PATH")}
	script := "kubectl config set-context --current --namespace=" + s.Namespace + "\n" + strings.Join(steps, "\n")
	command := exec.CommandContext(harness.Context(t), "sh", "-e", "-c", script)
	command.Dir = dir
	command.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(dir, "config"), "PATH="+strings.Join(bin, string(os.PathListSeparator)))
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)

	require.Eventually(t, func() bool {
		pods := s.Kubectl("get", "pods", "-l", "app=tomcat", "-o", `jsonpath={range .items[*]}{.metadata.ownerReferences[0].kind}{"\n"}{end}`).Stdout
		return pods == strings.Repeat("ReplicaSet\n", n)
	}, harness.Patience, pollInterval)
	deployment, err := s.Cluster.Client.AppsV1().Deployments(s.Namespace).Get(s.Context(), "tomcat", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, "50%", deployment.Spec.Strategy.RollingUpdate.MaxSurge.StrVal)
	assert.EqualValues(t, n, deployment.Status.AvailableReplicas)
	result := s.Result()
	assert.GreaterOrEqual(t, result.LowestAvailable(), n)
	assert.LessOrEqual(t, result.HighestPods(), 2*n)
}

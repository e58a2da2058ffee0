// Package versions tests rcroll on other versions of Kubernetes: that it says what it does
// without, and that an upgrade disturbs no rollout. make test-versions has one.
package versions

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// newerEnv names the localcluster of a newer Kubernetes, as an absolute path.
const newerEnv = "RCROLL_NEWER_LOCALCLUSTER"

func TestMain(m *testing.M) { harness.Main(m) }

// TestSaysWhatIsLacking: the webhook says at start-up what rcroll does without before
// Kubernetes 1.36, and nothing of the kind later.
func TestSaysWhatIsLacking(t *testing.T) {
	cluster := harness.Cluster(t)
	content, err := os.ReadFile(cluster.LogFile(harness.Webhook))
	require.NoError(t, err)
	log := string(content)
	lacking := []string{
		"The API server does not allow constrained impersonation (Kubernetes 1.36 or later)",
		"The API server does not serve MutatingAdmissionPolicy as v1 (Kubernetes 1.36 or later)",
	}
	const all = "Requested specs are judged as the user who asks for them"
	if harness.ServerMinor(t, cluster.Config) >= 36 {
		assert.Contains(t, log, all)
		for _, text := range lacking {
			assert.NotContains(t, log, text)
		}
		return
	}
	assert.NotContains(t, log, all)
	for _, text := range lacking {
		assert.Contains(t, log, text)
	}
}

// TestUpgradeOfKubernetes: API servers of the old and the new version run side by side, as
// in a control plane with several; the rollout in flight ends as if nothing had happened,
// and nothing else begins to roll.
func TestUpgradeOfKubernetes(t *testing.T) {
	newer := os.Getenv(newerEnv)
	if newer == "" {
		t.Skipf("%s does not name the localcluster of a newer Kubernetes (make test-versions does)", newerEnv)
	}
	cluster := harness.Cluster(t)
	before := harness.ServerMinor(t, cluster.Config)
	keepAgent(t, cluster)
	harness.ObserveThroughAnotherAPIServer(t, newer, harness.FreePort(t))
	idle := harness.Given(t, manifest.Tomcat(t))
	s := harness.Given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")

	upgraded := *cluster
	upgraded.Localcluster = newer
	idle.ExpectUnchanged(func() {
		for _, component := range []string{harness.APIServer, harness.ControllerManager, "kube-scheduler"} {
			require.NoError(t, upgraded.Run("restart", component))
		}
		assert.Greater(t, harness.ServerMinor(t, cluster.Config), before)
		s.AwaitRollout("tomcat:8", 5)
		s.Expect(harness.SurgeOne(5))
	})
	idle.SetImage("tomcat=tomcat:8")
	idle.AwaitRollout("tomcat:8", 5)
	idle.Expect(harness.SurgeOne(5))
}

// keepAgent runs the agent without a lease: where the API server is away for long, the
// agent loses it and exits, and no kubelet is there to start it again.
func keepAgent(t *testing.T, cluster *harness.ControlPlane) {
	t.Helper()
	require.NoError(t, cluster.Run("stop", harness.Agent))
	agent := harness.Start(t, harness.Agent, "--leader-elect=false", "--namespace="+harness.SystemNamespace(),
		"--kubeconfig="+cluster.File(harness.Agent+".kubeconfig"))
	agent.AwaitReady()
}

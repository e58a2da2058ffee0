package kill

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// The controller manager may die at any moment: what it had not done yet is done by
// the one that follows. (Its death during the promotion is tested with the crashes.)
func TestControllerManagerKilled(t *testing.T) {
	for _, stage := range stages[:len(stages)-3] {
		t.Run(stage.name, func(t *testing.T) {
			s := given(t, manifest.Replicas(killReplicas))
			s.killAt(harness.ControllerManager, stage.reached, func() { require.NoError(t, s.ask("tomcat:8")) })
			s.start(harness.ControllerManager)
			s.AwaitRollout("tomcat:8", killReplicas)
			s.Expect(harness.SurgeOne(killReplicas))
		})
	}
}

// The API server may die at any moment, with whatever was on its way: everybody waits
// until it is back.
//
// A pod whose creation was stored but not answered is created again by the controller
// manager, which has not seen it yet, and then deleted as surplus. That is one pod too
// many in every ReplicationController, rolling or not; no pod is created in a promotion.
func TestAPIServerKilled(t *testing.T) {
	withoutAgent(t)
	runAgent(t, nil, alone)
	observeThroughAnotherAPIServer(t)
	surplus := harness.AnyTurnover(killReplicas)
	surplus.MaxPods++
	for _, stage := range stages {
		bounds := harness.SurgeOne(killReplicas)
		switch stage.name {
		case "first pod":
			bounds = surplus
		case "sealed", "orphaned", "adopting":
		default:
			continue // little happens then that does not at another one
		}
		t.Run(stage.name, func(t *testing.T) {
			s := given(t, manifest.Replicas(killReplicas))
			s.killAt(harness.APIServer, stage.reached, func() { require.NoError(t, s.ask("tomcat:8")) })
			require.NoError(t, s.Cluster.Run("stop", harness.APIServer, "--signal", "KILL")) // returns when it is gone
			s.start(harness.APIServer)
			s.AwaitRollout("tomcat:8", killReplicas)
			s.Expect(bounds)
		})
	}
}

// observeThroughAnotherAPIServer runs a second one on the same etcd until the test
// ends, for observers and users only. Without it they would miss what happens between
// the return of the first one and their own: its watches cannot be resumed.
func observeThroughAnotherAPIServer(t *testing.T) {
	t.Helper()
	cluster := harness.Cluster(t)
	pid, err := cluster.Pid(harness.APIServer)
	require.NoError(t, err)
	commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Skipf("the command line of the API server is not known on this system: %v", err)
	}
	port := freePort(t)
	args := strings.Split(strings.TrimRight(string(commandLine), "\x00"), "\x00")
	log, err := os.Create(cluster.LogFile("another-" + harness.APIServer))
	require.NoError(t, err)
	defer func() { _ = log.Close() }()
	// The last one of two flags counts. The name of the program decides what it is.
	command := &exec.Cmd{Path: cluster.Localcluster, Args: append(args, "--secure-port="+port), Stdout: log, Stderr: log}
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})

	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig())
	require.NoError(t, err)
	config.Host = "https://" + net.JoinHostPort("127.0.0.1", port)
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	other, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		code := 0
		other.RESTClient().Get().AbsPath("/readyz").Do(t.Context()).StatusCode(&code)
		return code == http.StatusOK
	}, harness.Patience, 100*time.Millisecond)
	first := cluster.Client
	cluster.Client = other
	t.Cleanup(func() {
		cluster.Client = first
		assert.NoError(t, cluster.Run("start", harness.APIServer))
	})
}

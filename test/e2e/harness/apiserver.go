package harness

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// ObserveThroughAnotherAPIServer runs a second one, of that localcluster, on the same etcd
// until the test ends, for observers and users only. Without it they would miss what
// happens between the return of the first one and their own: its watches cannot be
// resumed.
func ObserveThroughAnotherAPIServer(t *testing.T, localcluster, port string) {
	t.Helper()
	cluster := Cluster(t)
	pid, err := cluster.Pid(APIServer)
	require.NoError(t, err)
	commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Skipf("the command line of the API server is not known on this system: %v", err)
	}
	args := strings.Split(strings.TrimRight(string(commandLine), "\x00"), "\x00")
	log, err := os.Create(cluster.LogFile("another-" + APIServer))
	require.NoError(t, err)
	defer func() { _ = log.Close() }()
	// The last one of two flags counts. The name of the program decides what it is.
	command := &exec.Cmd{Path: localcluster, Args: append(args, "--secure-port="+port), Stdout: log, Stderr: log}
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
	}, Patience, 100*time.Millisecond)
	first := cluster.Client
	cluster.Client = other
	t.Cleanup(func() {
		cluster.Client = first
		assert.NoError(t, cluster.Run("start", APIServer))
	})
}

// ServerMinor is the minor version of the API server at that place.
func ServerMinor(t *testing.T, config *rest.Config) int {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	version, err := client.Discovery().ServerVersion()
	require.NoError(t, err)
	minor, err := strconv.Atoi(strings.TrimRight(version.Minor, "+"))
	require.NoError(t, err)
	return minor
}

// Since skips a test of what an earlier Kubernetes than 1.MINOR does not have.
func Since(t *testing.T, minor int, what string) {
	t.Helper()
	if have := ServerMinor(t, Cluster(t).Config); have < minor {
		t.Skipf("Kubernetes 1.%d has no %s", have, what)
	}
}

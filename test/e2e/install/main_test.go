package install

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"

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

// tokenOf returns the path of a kubeconfig with the token of a ServiceAccount.
func tokenOf(t *testing.T, namespace, account string) string {
	t.Helper()
	cluster := harness.Cluster(t)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](3600)}}
	token, err := cluster.Client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), account, request, metav1.CreateOptions{})
	require.NoError(t, err)
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig())
	require.NoError(t, err)
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*config, path))
	return path
}

// process is a program of rcroll that a test runs in place of a pod.
type process struct {
	t           *testing.T
	health, log string
}

// start runs a program until the test ends. Flags that are given twice have the value
// that is given last.
func start(t *testing.T, program string, flags ...string) *process {
	t.Helper()
	cluster := harness.Cluster(t)
	p := &process{t: t, health: net.JoinHostPort("127.0.0.1", freePort(t))}
	p.log = cluster.LogFile(program + "-" + filepath.Base(p.health))
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, cluster.Program(program), append(flags, "--health-probe-bind-address="+p.health, "--metrics-bind-address=0")...)
	command.Stdout, command.Stderr = log, log
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		cancel()
		_ = command.Wait()
	})
	return p
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// ready reports whether the program's readiness probe succeeds.
func (p *process) ready() bool {
	response, err := http.Get("http://" + p.health + "/readyz") //nolint:noctx // on this machine
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func (p *process) awaitReady() {
	p.t.Helper()
	require.Eventually(p.t, p.ready, harness.Patience, 100*time.Millisecond, "see %s", p.log)
}

// awaitLog waits until the program has logged a text.
func (p *process) awaitLog(text string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		content, err := os.ReadFile(p.log)
		return err == nil && bytesContain(content, text)
	}, harness.Patience, 100*time.Millisecond, "%q in %s", text, p.log)
}

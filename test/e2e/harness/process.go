package harness

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
)

// Process is a program of rcroll that a test runs in place of a pod.
type Process struct {
	// Log is the file that it writes to.
	Log string

	t      *testing.T
	health string
	stop   func()
}

// Start runs a program until the test ends. Flags that are given twice have the value
// that is given last.
func Start(t *testing.T, program string, flags ...string) *Process {
	t.Helper()
	cluster := Cluster(t)
	p := &Process{t: t, health: net.JoinHostPort("127.0.0.1", FreePort(t))}
	p.Log = cluster.LogFile(program + "-" + filepath.Base(p.health))
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, cluster.Program(program), append(flags, "--health-probe-bind-address="+p.health, "--metrics-bind-address=0")...)
	command.Stdout, command.Stderr = log, log
	require.NoError(t, command.Start())
	p.stop = func() {
		cancel()
		_ = command.Wait()
	}
	t.Cleanup(p.stop)
	return p
}

// FreePort is one that nothing listens on.
func FreePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// Stop kills the program, and returns when it has ended.
func (p *Process) Stop() { p.stop() }

// Ready reports whether the program's readiness probe succeeds.
func (p *Process) Ready() bool {
	response, err := http.Get("http://" + p.health + "/readyz") //nolint:noctx // on this machine
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// AwaitReady waits until it does.
func (p *Process) AwaitReady() {
	p.t.Helper()
	require.Eventually(p.t, p.Ready, Patience, 100*time.Millisecond, "see %s", p.Log)
}

// AwaitLog waits until the program has logged a text.
func (p *Process) AwaitLog(text string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		content, err := os.ReadFile(p.Log)
		return err == nil && strings.Contains(string(content), text)
	}, Patience, 100*time.Millisecond, "%q in %s", text, p.Log)
}

// TokenKubeconfig is the path of a kubeconfig with the token of a ServiceAccount.
func TokenKubeconfig(t *testing.T, namespace, account string) string {
	t.Helper()
	cluster := Cluster(t)
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

package kill

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
)

// program is a process of the agent or the webhook that a test runs itself, beside
// or in place of the one of the control plane.
type program struct {
	t       *testing.T
	name    string
	command *exec.Cmd
	// gone is closed when the process is.
	gone chan struct{}
	// health is the address of its probes.
	health string
	log    string
}

// runAgent runs an agent with the rights that it has in a real cluster. The server
// is that of the API; nil for the real one.
func runAgent(t *testing.T, server *httptest.Server, flags ...string) *program {
	t.Helper()
	return runProgram(t, harness.Agent, append([]string{"--kubeconfig=" + kubeconfigFor(t, harness.Agent, server)}, flags...)...)
}

// alone are the flags of an agent that acts without the Lease: a new one would wait
// 15 s for that of one that was killed. Failing over is tested elsewhere.
const alone = "--leader-elect=false"

// webhookReplica is a webhook that a test runs.
type webhookReplica struct {
	*program
	port string
}

// runWebhook runs one more replica of the webhook. It shares the Secret with the
// others and keeps its certificate in dir.
func runWebhook(t *testing.T, server *httptest.Server, dir string) *webhookReplica {
	t.Helper()
	port := freePort(t)
	return &webhookReplica{port: port, program: runProgram(t, harness.Webhook,
		"--kubeconfig="+kubeconfigFor(t, harness.Webhook, server),
		"--bind-address=127.0.0.1", "--port="+port, "--extra-dns-name=localhost", "--cert-dir="+dir)}
}

// runProgram starts a process of the program, which ends with the test at the latest.
func runProgram(t *testing.T, name string, flags ...string) *program {
	t.Helper()
	cluster := harness.Cluster(t)
	p := &program{t: t, name: name, gone: make(chan struct{}), health: net.JoinHostPort("127.0.0.1", freePort(t))}
	p.log = cluster.LogFile(name + "-" + p.health[strings.LastIndex(p.health, ":")+1:])
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	defer func() { _ = log.Close() }()
	flags = append(flags, "--namespace="+harness.SystemNamespace(), "--health-probe-bind-address="+p.health, "--metrics-bind-address=0")
	p.command = exec.Command(cluster.Program(name), flags...)
	p.command.Stdout, p.command.Stderr = log, log
	require.NoError(t, p.command.Start())
	go func() {
		_ = p.command.Wait()
		close(p.gone)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process with SIGKILL, and returns when it is gone.
func (p *program) kill() {
	_ = p.command.Process.Kill()
	<-p.gone
}

// terminate asks the process to end.
func (p *program) terminate() {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(syscall.SIGTERM))
}

// awaitEnd waits for a process that was asked to end, which it has to without error.
func (p *program) awaitEnd() {
	p.t.Helper()
	select {
	case <-p.gone:
		assert.Zero(p.t, p.command.ProcessState.ExitCode(), "exit status of the %s", p.name)
	case <-time.After(harness.Patience):
		require.Fail(p.t, "the "+p.name+" does not end")
	}
}

// readiness is what the readiness probe answers; 0 if nobody does.
func (p *program) readiness() int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // as a kubelet
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.health+"/readyz", http.NoBody)
	require.NoError(p.t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func (p *program) awaitReady() {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return p.readiness() == http.StatusOK }, harness.Patience, 50*time.Millisecond,
		"the %s never gets ready, see %s", p.name, p.log)
}

// lastPort is the one that freePort returned last.
var lastPort atomic.Int32

// freePort returns a port that nobody listens on. It is below those that the system
// gives away itself, among which it could be gone before it is used.
func freePort(t *testing.T) string {
	t.Helper()
	lastPort.CompareAndSwap(0, int32(20000+os.Getpid()%8000))
	for range 1000 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(lastPort.Add(1))))
		if listener, err := net.Listen("tcp", address); err == nil {
			require.NoError(t, listener.Close())
			_, port, err := net.SplitHostPort(address)
			require.NoError(t, err)
			return port
		}
	}
	require.Fail(t, "no port is free")
	return ""
}

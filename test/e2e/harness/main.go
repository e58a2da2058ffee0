package harness

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	// localclusterEnv names the executable that boots control planes, as an
	// absolute path. Without it there is nothing to test on.
	localclusterEnv = "RCROLL_LOCALCLUSTER"

	// dirEnv names the directory of a control plane that runs already, for
	// development. Otherwise the tests boot one of their own, and remove it.
	dirEnv = "RCROLL_E2E_DIR"

	// namespaceEnv names the namespace that rcroll is installed in, unless it is that of
	// the package or of rcroll's manifests. Every package can be run so.
	namespaceEnv = "RCROLL_NAMESPACE"

	// parallelTests is more than there are processors, as tests mostly wait for
	// pods to become ready.
	parallelTests = 6
)

// shared is the control plane that all tests of the test binary share.
var shared struct {
	// mu is held while the control plane is booted and while it is removed.
	mu        sync.Mutex
	booted    bool
	bare      bool
	namespace string
	plane     *ControlPlane
	err       error
}

// MainBare is Main for tests that install rcroll themselves, on a control plane without
// it.
func MainBare(m *testing.M) {
	shared.bare = true
	Main(m)
}

// MainIn is Main for tests of rcroll in another namespace than that of its manifests.
func MainIn(m *testing.M, namespace string) {
	shared.namespace = namespace
	Main(m)
}

// Main runs the tests of a package and exits, successfully only if rcroll's programs asked
// the API server for nothing that they have no right to. The control plane that the tests
// booted, if they did, is removed at the end, also when they are interrupted.
func Main(m *testing.M) {
	flag.Parse()
	// Without a control plane every test says why it is skipped.
	if enabled() {
		if err := flag.Set("test.parallel", strconv.Itoa(parallelTests)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		shared.mu.Lock() // for good: nothing is booted any more
		shared.plane.remove(false)
		os.Exit(130)
	}()
	code := m.Run()
	shared.mu.Lock()
	if err := shared.plane.expectNoneDenied(); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		code = max(code, 1)
	}
	shared.plane.remove(code == 0)
	os.Exit(code)
}

func enabled() bool { return os.Getenv(localclusterEnv) != "" && !testing.Short() }

// Cluster is the control plane that the tests share. The first call boots it; a test
// that has none to run on is skipped.
func Cluster(t *testing.T) *ControlPlane {
	t.Helper()
	if !enabled() {
		t.Skipf("%s does not name bin/localcluster, or -short is given: there is no control plane to test on (make test-e2e has one)", localclusterEnv)
	}
	if shared.bare && os.Getenv(dirEnv) != "" {
		t.Skipf("%s names a control plane, and this test needs one without rcroll", dirEnv)
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.booted {
		shared.booted = true
		shared.plane, shared.err = boot(os.Getenv(localclusterEnv), os.Getenv(dirEnv), upFlags()...)
	}
	require.NoError(t, shared.err, "there is no control plane to test on")
	return shared.plane
}

// upFlags are those of localcluster up.
func upFlags() []string {
	if shared.bare {
		return []string{"--audit", "--bare"}
	}
	return []string{"--audit", "--namespace=" + SystemNamespace()}
}

// SystemNamespace is where rcroll is installed.
func SystemNamespace() string {
	return cmp.Or(os.Getenv(namespaceEnv), shared.namespace, "rcroll-system")
}

// Account is the name, as a user, of a ServiceAccount of rcroll, such as rcroll-agent.
func Account(name string) string { return "system:serviceaccount:" + SystemNamespace() + ":" + name }

// Number is that in a variable of the environment, by which a target of make asks for more than
// usual.
func Number(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return n
}

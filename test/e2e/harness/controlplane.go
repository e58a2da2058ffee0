package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// localclusterEnv names the executable that boots control planes, as an
	// absolute path; kubectl and oldkubectl stand next to it. Without it there is nothing to
	// test on.
	localclusterEnv = "RCROLL_LOCALCLUSTER"

	// dirEnv names the directory of a control plane that runs already, for
	// development. Otherwise the tests boot one of their own, and remove it.
	dirEnv = "RCROLL_E2E_DIR"

	// parallelTests is more than there are processors, as tests mostly wait for
	// pods to become ready.
	parallelTests = 6
)

// cluster is the control plane that all tests share.
var cluster *controlPlane

type controlPlane struct {
	localcluster, kubectl, dir string

	// oldKubectl is the last one that knew rolling-update.
	oldKubectl string

	config *rest.Config
	client kubernetes.Interface
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	executable := os.Getenv(localclusterEnv)
	if executable == "" || testing.Short() {
		return m.Run() // every test says why it is skipped
	}
	if err := flag.Set("test.parallel", strconv.Itoa(parallelTests)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	booted, remove, err := boot(executable)
	if err != nil {
		fmt.Fprintln(os.Stderr, "no control plane to test on:", err)
		return 1
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		remove(false)
		os.Exit(130)
	}()
	cluster = booted
	code := m.Run()
	remove(code == 0)
	return code
}

// boot brings a control plane up, or connects to the one that is to be reused, and
// returns how to remove it.
func boot(executable string) (c *controlPlane, remove func(succeeded bool), err error) {
	c = &controlPlane{
		localcluster: executable,
		kubectl:      filepath.Join(filepath.Dir(executable), "kubectl"),
		oldKubectl:   filepath.Join(filepath.Dir(executable), "oldkubectl"),
		dir:          os.Getenv(dirEnv),
	}
	remove = func(bool) {}
	if c.dir == "" {
		temp, err := os.MkdirTemp("", "rcroll-e2e-")
		if err != nil {
			return nil, nil, fmt.Errorf("creating a directory: %w", err)
		}
		c.dir = filepath.Join(temp, "cluster")
		remove = func(succeeded bool) { c.remove(temp, succeeded) }
		if err := c.run("up"); err != nil {
			remove(false)
			return nil, nil, err
		}
	}
	if err := c.connect(); err != nil {
		remove(false)
		return nil, nil, err
	}
	return c, remove, nil
}

func (c *controlPlane) kubeconfig() string { return filepath.Join(c.dir, "kubeconfig") }

func (c *controlPlane) connect() (err error) {
	if c.config, err = clientcmd.BuildConfigFromFlags("", c.kubeconfig()); err != nil {
		return fmt.Errorf("reading %s: %w", c.kubeconfig(), err)
	}
	c.config.WarningHandler = rest.NoWarnings{}
	c.config.QPS = -1 // the tests share one client, which must not make them wait
	if c.client, err = kubernetes.NewForConfig(c.config); err != nil {
		return fmt.Errorf("creating a client: %w", err)
	}
	return nil
}

// run runs a command of localcluster.
func (c *controlPlane) run(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, c.localcluster, append([]string{"--dir", c.dir}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("localcluster %s: %w\n%s", strings.Join(args, " "), err, output)
	}
	return nil
}

// kill sends SIGKILL to a component, at once: a moment that is meant may be short.
func (c *controlPlane) kill(component string) error {
	content, err := os.ReadFile(filepath.Join(c.dir, "pids", component))
	if err != nil {
		return fmt.Errorf("killing %s: %w", component, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return fmt.Errorf("killing %s: %w", component, err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing %s: %w", component, err)
	}
	return nil
}

// remove ends the control plane. The logs of one on which a test failed are kept.
func (c *controlPlane) remove(temp string, succeeded bool) {
	if !succeeded {
		logs := filepath.Join(temp, "logs")
		if err := os.CopyFS(logs, os.DirFS(filepath.Join(c.dir, "logs"))); err == nil {
			fmt.Fprintln(os.Stderr, "the logs of the control plane are in", logs)
		}
	}
	if err := c.run("down"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	if succeeded {
		_ = os.RemoveAll(temp)
	}
}

package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// The components that tests stop, by the names that localcluster gives them.
const (
	Agent             = "agent"
	Webhook           = "webhook"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
)

// ControlPlane is a control plane with rcroll in it.
type ControlPlane struct {
	// Localcluster is the executable that boots control planes; the other programs
	// are in the same directory.
	Localcluster string

	// Dir is the directory of the control plane, see hack/localcluster/README.md.
	Dir string

	// Config is the administrator's.
	Config *rest.Config

	// Client is the administrator's; scenarios made from now on observe with it.
	Client kubernetes.Interface

	// temp is what has to be removed with the control plane; empty if that was not
	// booted by the tests.
	temp string
}

// boot brings a control plane up; or, if dir is given, connects to the one there.
func boot(localcluster, dir string, upFlags ...string) (*ControlPlane, error) {
	c := &ControlPlane{Localcluster: localcluster, Dir: dir}
	if dir == "" {
		var err error
		if c.temp, err = os.MkdirTemp("", "rcroll-e2e-"); err != nil {
			return nil, fmt.Errorf("creating a directory: %w", err)
		}
		c.Dir = filepath.Join(c.temp, "cluster")
		if err := c.Run(append([]string{"up"}, upFlags...)...); err != nil {
			c.remove(false)
			return nil, err
		}
	}
	if err := c.connect(); err != nil {
		c.remove(false)
		return nil, err
	}
	return c, nil
}

// Kubeconfig is the administrator's kubeconfig.
func (c *ControlPlane) Kubeconfig() string { return filepath.Join(c.Dir, "kubeconfig") }

func (c *ControlPlane) connect() (err error) {
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig()); err != nil {
		return fmt.Errorf("reading %s: %w", c.Kubeconfig(), err)
	}
	c.Config.WarningHandler = rest.NoWarnings{}
	c.Config.QPS = -1 // the tests share one client, which must not make them wait
	if c.Client, err = kubernetes.NewForConfig(c.Config); err != nil {
		return fmt.Errorf("creating a client: %w", err)
	}
	return nil
}

// Program is the path of a program that was built with localcluster, such as
// kubectl or the agent.
func (c *ControlPlane) Program(name string) string {
	return filepath.Join(filepath.Dir(c.Localcluster), name)
}

// File is the path of a file in the directory of the control plane.
func (c *ControlPlane) File(names ...string) string {
	return filepath.Join(append([]string{c.Dir}, names...)...)
}

// LogFile is the path of a log, by the name of what writes it.
func (c *ControlPlane) LogFile(name string) string {
	return filepath.Join(c.Dir, "logs", name+".log")
}

// Run runs a command of localcluster on the control plane, such as "stop" with a
// component.
func (c *ControlPlane) Run(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, c.Localcluster, append([]string{"--dir", c.Dir}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("localcluster %s: %w\n%s", strings.Join(args, " "), err, output)
	}
	return nil
}

// Pid is the process ID of a component that runs.
func (c *ControlPlane) Pid(component string) (int, error) {
	content, err := os.ReadFile(filepath.Join(c.Dir, "pids", component))
	if err != nil {
		return 0, fmt.Errorf("reading the process ID of %s: %w", component, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("reading the process ID of %s: %w", component, err)
	}
	return pid, nil
}

// Kill sends SIGKILL to a component, at once: the moment at which a test means to may
// be short.
func (c *ControlPlane) Kill(component string) error {
	pid, err := c.Pid(component)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing %s: %w", component, err)
	}
	return nil
}

// remove ends the control plane if it was booted by the tests. The logs of one on
// which a test failed are kept.
func (c *ControlPlane) remove(succeeded bool) {
	if c == nil || c.temp == "" {
		return
	}
	if !succeeded {
		logs := filepath.Join(c.temp, "logs")
		if err := os.CopyFS(logs, os.DirFS(filepath.Join(c.Dir, "logs"))); err == nil {
			fmt.Fprintln(os.Stderr, "the logs of the control plane are in", logs)
		}
	}
	if err := c.Run("down"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	if succeeded {
		_ = os.RemoveAll(c.temp)
	}
}

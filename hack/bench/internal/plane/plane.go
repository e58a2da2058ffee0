// Package plane is the control plane that is measured: it boots it, stops and starts
// its components, and inspects their processes.
package plane

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// The components that are measured individually.
const (
	APIServer = "kube-apiserver"
	Etcd      = "etcd"
	Agent     = "agent"
	Webhook   = "webhook"
)

// Components are all processes of a control plane.
var Components = []string{Etcd, APIServer, "kube-controller-manager", "kube-scheduler", "kwok", Agent, Webhook}

// Plane is a running control plane with rcroll in it.
type Plane struct {
	executable, dir string

	// Client has no rate limit, which would be what is measured.
	Client kubernetes.Interface
}

// Boot boots a control plane in dir, or reuses the one that runs there. The executable
// is localcluster. Requests are logged to Plane.AuditDir.
func Boot(ctx context.Context, executable, dir string) (*Plane, error) {
	p := &Plane{executable: executable, dir: dir}
	if err := p.run(ctx, nil, "up", "--audit"); err != nil {
		return nil, err
	}
	config, err := p.Config()
	if err != nil {
		return nil, err
	}
	if p.Client, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("set up a client: %w", err)
	}
	return p, nil
}

// Config is the administrator's client configuration, with the encoding that
// Kubernetes' controllers use: watching in another one would make the API server encode
// everything twice.
func (p *Plane) Config() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(p.dir, "kubeconfig"))
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.UserAgent = "rcroll-bench"
	config.WarningHandler = rest.NoWarnings{} // one for each edit
	return config, nil
}

// AuditDir is the directory of the audit log and its rotated files.
func (p *Plane) AuditDir() string { return filepath.Join(p.dir, "logs") }

// Down ends the control plane and removes its directory.
func (p *Plane) Down(ctx context.Context) error { return p.run(ctx, nil, "down") }

// Stop ends a component.
func (p *Plane) Stop(ctx context.Context, component string) error {
	return p.run(ctx, nil, "stop", component)
}

// Start starts a component, with further environment variables ("NAME=value"), and
// returns when it serves.
func (p *Plane) Start(ctx context.Context, component string, environment ...string) error {
	return p.run(ctx, environment, "start", component)
}

func (p *Plane) run(ctx context.Context, environment []string, args ...string) error {
	command := exec.CommandContext(ctx, p.executable, append([]string{"--dir", p.dir}, args...)...)
	command.Env = append(os.Environ(), environment...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("localcluster %s: %w\n%s", strings.Join(args, " "), err, output)
	}
	return nil
}

// Package cluster boots, repairs and removes a Kubernetes control plane of plain processes with rcroll in it.
package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rcroll/rcroll/hack/localcluster/internal/process"
)

// Cluster is one control plane, whose entire state is in one directory.
type Cluster struct {
	// root is the checkout that contains bin and manifests.
	root string
	// dir contains everything that belongs to the cluster.
	dir string
	// self is this executable, which contains all Kubernetes components.
	self  string
	state state
	procs *process.Table
}

// state is what does not change during the life of the cluster.
type state struct {
	// BasePort is the first port of the block that the components listen on, see port.
	BasePort int `json:"basePort"`
	// Audit means that the API server writes an audit log.
	Audit bool `json:"audit,omitempty"`
	// WebhookClientCert means that the API server shows the webhook a client certificate, which the webhook demands.
	WebhookClientCert bool `json:"webhookClientCert,omitempty"`
	// Namespace is where rcroll is installed; empty for that of its manifests.
	Namespace string `json:"namespace,omitempty"`
}

// ErrNoCluster means that the cluster does not exist.
var ErrNoCluster = errors.New(`no cluster; create one with "up"`)

// New returns the cluster of dir, or of .local in the checkout if dir is empty. It need not exist yet.
func New(self, dir string) (*Cluster, error) {
	self, err := filepath.EvalSymlinks(self)
	if err != nil {
		return nil, fmt.Errorf("locating the executable: %w", err)
	}
	root := filepath.Dir(filepath.Dir(self)) // the executable is bin/localcluster of the checkout
	if dir == "" {
		dir = filepath.Join(root, ".local")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("locating the directory: %w", err)
	}
	return &Cluster{root: root, dir: dir, self: self, procs: process.NewTable(dir)}, nil
}

// Kubeconfig returns the administrator's kubeconfig file.
func (c *Cluster) Kubeconfig() string { return filepath.Join(c.dir, "kubeconfig") }

// ExportLine returns the shell command that points kubectl to the cluster.
func (c *Cluster) ExportLine() string { return "export KUBECONFIG=" + c.Kubeconfig() }

func (c *Cluster) stateFile() string { return filepath.Join(c.dir, "state.json") }

func (c *Cluster) pkiFile(name string) string { return filepath.Join(c.dir, "pki", name) }

func (c *Cluster) componentKubeconfig(name string) string {
	return filepath.Join(c.dir, name+".kubeconfig")
}

// load reads the state of an existing cluster.
func (c *Cluster) load() error {
	content, err := os.ReadFile(c.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", c.dir, ErrNoCluster)
	}
	if err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	if err := json.Unmarshal(content, &c.state); err != nil {
		return fmt.Errorf("parsing %s: %w", c.stateFile(), err)
	}
	return nil
}

// create claims the directory. One that contains anything else is refused, because "down" removes it entirely.
func (c *Cluster) create() error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return fmt.Errorf("creating the state directory: %w", err)
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("reading the state directory: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is neither empty nor the directory of a cluster", c.dir)
	}
	if c.state.BasePort, err = process.FreePorts(portCount); err != nil {
		return err
	}
	return c.save()
}

func (c *Cluster) save() error {
	content, err := json.Marshal(c.state)
	if err != nil {
		return fmt.Errorf("encoding the state: %w", err)
	}
	if err := os.WriteFile(c.stateFile(), append(content, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	return nil
}

// port is the offset of a listener in the cluster's block of ports.
type port int

const (
	etcdPort port = iota
	etcdPeerPort
	apiServerPort
	controllerManagerPort
	schedulerPort
	kwokPort
	webhookPort
	webhookHealthPort
	webhookMetricsPort
	agentHealthPort
	agentMetricsPort
	portCount = 16 // with some to spare
)

func (c *Cluster) port(p port) string { return strconv.Itoa(c.state.BasePort + int(p)) }

// webhookHost is a name because the webhook's certificate is issued for DNS names.
func (c *Cluster) webhookHost() string { return "localhost:" + c.port(webhookPort) }

func (c *Cluster) address(p port) string { return net.JoinHostPort("127.0.0.1", c.port(p)) }

package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rcroll/rcroll/hack/localcluster/internal/process"
)

// nodeNames are the nodes of the cluster.
var nodeNames = []string{"cent1", "cent2", "cent3"}

// UpOptions are the options of Up.
type UpOptions struct {
	// Bare leaves rcroll out.
	Bare bool
	// Audit makes the API server log every request; it stays so until the cluster is removed.
	Audit bool
	// WebhookClientCert makes the API server show the webhook a client certificate, which the webhook demands; it stays so
	// until the cluster is removed.
	WebhookClientCert bool
	// Namespace is where rcroll is installed, if not in that of its manifests; it stays so until the cluster is removed.
	Namespace string
	// Progress is called with what has become ready.
	Progress func(format string, args ...any)
}

// Up creates the cluster, or starts its missing components, and returns when everything serves.
func (c *Cluster) Up(ctx context.Context, o UpOptions) error {
	unlock, err := process.LockDir(ctx, c.dir)
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.prepare(o); err != nil {
		return err
	}
	if err := c.upControlPlane(ctx, o.Progress); err != nil {
		return err
	}
	if o.Bare {
		return nil
	}
	return c.upRcroll(ctx, o.Progress)
}

func (c *Cluster) prepare(o UpOptions) error {
	err := c.load()
	if errors.Is(err, ErrNoCluster) {
		err = c.create()
	}
	if err != nil {
		return err
	}
	before := c.state
	c.state.Audit = c.state.Audit || o.Audit
	c.state.WebhookClientCert = c.state.WebhookClientCert || o.WebhookClientCert
	c.state.Namespace = cmp.Or(o.Namespace, c.state.Namespace)
	if c.state != before {
		if err := c.save(); err != nil {
			return err
		}
	}
	if err := c.issueCredentials(); err != nil || !c.state.WebhookClientCert {
		return err
	}
	return c.issueWebhookClientCertificate()
}

func (c *Cluster) upControlPlane(ctx context.Context, progress func(string, ...any)) error {
	for _, name := range []string{etcdName, apiServerName} {
		if err := c.refresh(ctx, name); err != nil {
			return err
		}
		progress("%s is ready", name)
	}
	errs := make(chan error)
	clients := []string{controllerManagerName, schedulerName, kwokName}
	for _, name := range clients {
		go func() { errs <- c.refresh(ctx, name) }()
	}
	client, err := c.client()
	if err == nil {
		err = ensureNodes(ctx, client)
	}
	for range clients {
		err = errors.Join(err, <-errs)
	}
	if err != nil {
		return err
	}
	progress("controller manager, scheduler and kubelets are ready")
	if err := awaitUsable(ctx, client); err != nil {
		return err
	}
	progress("nodes are ready")
	return nil
}

func (c *Cluster) restConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", c.Kubeconfig(), err)
	}
	return config, nil
}

func (c *Cluster) client() (kubernetes.Interface, error) {
	config, err := c.restConfig()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("creating a client: %w", err)
	}
	return client, nil
}

func ensureNodes(ctx context.Context, client kubernetes.Interface) error {
	for i, name := range nodeNames {
		_, err := client.CoreV1().Nodes().Create(ctx, newNode(name, fmt.Sprintf("10.32.0.%d", i+1)), metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("creating node %s: %w", name, err)
		}
	}
	return nil
}

// newNode describes a machine that is large enough for any test; its kubelet is simulated.
func newNode(name, ip string) *corev1.Node {
	resources := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("4000"),
		corev1.ResourceMemory: resource.MustParse("16Ti"),
		corev1.ResourcePods:   resource.MustParse("4000"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				corev1.LabelHostname:   name,
				corev1.LabelOSStable:   "linux",
				corev1.LabelArchStable: "amd64",
			},
		},
		Status: corev1.NodeStatus{
			Capacity:    resources,
			Allocatable: resources,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: ip},
				{Type: corev1.NodeHostName, Address: name},
			},
			NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "simulated", OperatingSystem: "linux", Architecture: "amd64"},
		},
	}
}

// awaitUsable waits until a new pod would be scheduled and run: the nodes have to be Ready, and the namespace needs the
// default ServiceAccount.
func awaitUsable(ctx context.Context, client kubernetes.Interface) error {
	err := wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, nil // retried until ctx ends
		}
		ready := 0
		for i := range nodes.Items {
			if nodeReady(&nodes.Items[i]) {
				ready++
			}
		}
		_, err = client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err == nil && ready >= len(nodeNames), nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the nodes: %w", err)
	}
	return nil
}

// nodeReady also requires that the taint of a new node is gone: until then no pod is scheduled there.
func nodeReady(node *corev1.Node) bool {
	if len(node.Spec.Taints) > 0 {
		return false
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// tokenLifetime is the lifetime of the tokens of webhook and agent, which are not rotated here.
const tokenLifetime = 10 * 365 * 24 * time.Hour

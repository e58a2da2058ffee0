package agent

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/rcroll/rcroll/pkg/api"
)

// Config holds the agent's flags.
type Config struct {
	// Namespace is the agent's own, and holds the leader election Lease.
	Namespace string

	// WebhookConfiguration is the object in which the webhook says what it expects of
	// the agent.
	WebhookConfiguration string

	// LeaderElect makes one of several agents the leader, which alone acts.
	LeaderElect bool

	// HealthProbeBindAddress serves /healthz and /readyz; "0" disables them.
	HealthProbeBindAddress string

	// MetricsBindAddress serves /metrics, as metrics.Server says; "0" disables it.
	MetricsBindAddress string

	// HashLabelKey is the label that distinguishes the pods of one template from
	// those of another. The webhook needs the same value.
	HashLabelKey string

	// Concurrency is the number of rollouts that are reconciled concurrently, at
	// least 1.
	Concurrency int

	// RevisionHistoryLimit is the number of revisions that are kept of each
	// ReplicationController beside the live one, 0 or more.
	RevisionHistoryLimit int

	// KubeAPIQPS and KubeAPIBurst limit the requests to the API server, and are
	// greater than 0. A step takes two to four requests, and the API server has its
	// own fairness.
	KubeAPIQPS   float64
	KubeAPIBurst int
}

// Register adds the flags, with their defaults.
func (c *Config) Register(flags *pflag.FlagSet) {
	flags.StringVar(&c.Namespace, "namespace", "rcroll-system", "namespace of the agent, and of its leader election Lease; in a pod by default its own")
	flags.StringVar(&c.WebhookConfiguration, "webhook-configuration", "rcroll", "name of the webhook's MutatingWebhookConfiguration, by which the agent finds out at start-up whether they belong together")
	flags.BoolVar(&c.LeaderElect, "leader-elect", true, "act only while holding the leader election Lease; required if more than one agent runs")
	flags.StringVar(&c.HealthProbeBindAddress, "health-probe-bind-address", ":8081", `address that serves /healthz and /readyz; "0" disables them`)
	flags.StringVar(&c.MetricsBindAddress, "metrics-bind-address", ":8080", `address that serves /metrics: plain HTTP on a loopback address, else HTTPS for those who may get /metrics; "0" disables it`)
	flags.StringVar(&c.HashLabelKey, "hash-label-key", api.DefaultHashLabelKey, "key of the label that holds the hash of the pod template; must be the same for agent and webhook")
	flags.IntVar(&c.Concurrency, "concurrency", 20, "number of rollouts that are reconciled concurrently")
	flags.IntVar(&c.RevisionHistoryLimit, "revision-history-limit", 10, "number of old revisions, as ControllerRevisions, that are kept of each ReplicationController to go back to")
	flags.Float64Var(&c.KubeAPIQPS, "kube-api-qps", 1000, "average number of requests per second to the API server")
	flags.IntVar(&c.KubeAPIBurst, "kube-api-burst", 2000, "number of requests to the API server that may exceed --kube-api-qps in a burst")
}

// Validate returns an error that names every flag with an invalid value.
func (c *Config) Validate() error {
	var problems []error
	invalid := func(name, format string, args ...any) {
		problems = append(problems, fmt.Errorf("--%s: %w", name, fmt.Errorf(format, args...)))
	}
	if messages := validation.IsDNS1123Label(c.Namespace); len(messages) > 0 {
		invalid("namespace", "%q: %s", c.Namespace, strings.Join(messages, "; "))
	}
	if messages := validation.IsDNS1123Subdomain(c.WebhookConfiguration); len(messages) > 0 {
		invalid("webhook-configuration", "%q: %s", c.WebhookConfiguration, strings.Join(messages, "; "))
	}
	if messages := validation.IsQualifiedName(c.HashLabelKey); len(messages) > 0 {
		invalid("hash-label-key", "%q: %s", c.HashLabelKey, strings.Join(messages, "; "))
	}
	if c.Concurrency < 1 {
		invalid("concurrency", "must be at least 1, not %d", c.Concurrency)
	}
	if c.RevisionHistoryLimit < 0 {
		invalid("revision-history-limit", "must be at least 0, not %d", c.RevisionHistoryLimit)
	}
	if c.KubeAPIQPS <= 0 {
		invalid("kube-api-qps", "must be greater than 0, not %v", c.KubeAPIQPS)
	}
	if c.KubeAPIBurst < 1 {
		invalid("kube-api-burst", "must be at least 1, not %d", c.KubeAPIBurst)
	}
	return errors.Join(problems...)
}

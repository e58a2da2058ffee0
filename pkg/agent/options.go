package agent

import (
	"errors"
	"flag"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/rcroll/rcroll/pkg/api"
)

// Config is what the agent can be told on its command line.
type Config struct {
	// Namespace holds the leader election Lease.
	Namespace string

	// LeaderElect makes of several agents one that acts.
	LeaderElect bool

	// HealthProbeBindAddress serves /healthz and /readyz; "0" turns it off.
	HealthProbeBindAddress string

	// MetricsBindAddress serves /metrics over plain HTTP; "0" turns it off.
	MetricsBindAddress string

	// HashLabelKey is the label that tells the pods of one template from those of
	// another. The webhook must be told the same.
	HashLabelKey string

	// Concurrency is the number of rollouts that are looked at at the same time,
	// 1 or more.
	Concurrency int

	// KubeAPIQPS and KubeAPIBurst limit the requests to the API server, more than
	// 0. A step takes two to four, and the API server has its own fairness.
	KubeAPIQPS   float64
	KubeAPIBurst int
}

// Register adds the flags, with their defaults.
func (c *Config) Register(flags *flag.FlagSet) {
	flags.StringVar(&c.Namespace, "namespace", "rcroll-system", "namespace of the leader election Lease")
	flags.BoolVar(&c.LeaderElect, "leader-elect", true, "act only while holding the Lease; several agents may run then")
	flags.StringVar(&c.HealthProbeBindAddress, "health-probe-bind-address", ":8081", `address of /healthz and /readyz, "0" for none`)
	flags.StringVar(&c.MetricsBindAddress, "metrics-bind-address", ":8080", `address of /metrics, "0" for none`)
	flags.StringVar(&c.HashLabelKey, "hash-label-key", api.DefaultHashLabelKey, "label key that holds the hash of a pod template; the webhook must have the same")
	flags.IntVar(&c.Concurrency, "concurrency", 20, "rollouts looked at at the same time")
	flags.Float64Var(&c.KubeAPIQPS, "kube-api-qps", 1000, "requests per second to the API server, in the long run")
	flags.IntVar(&c.KubeAPIBurst, "kube-api-burst", 2000, "requests to the API server at once")
}

// Validate tells of every value that the agent cannot work with.
func (c *Config) Validate() error {
	var problems []error
	refuse := func(name, format string, args ...any) {
		problems = append(problems, fmt.Errorf("--%s: %w", name, fmt.Errorf(format, args...)))
	}
	if messages := validation.IsDNS1123Label(c.Namespace); len(messages) > 0 {
		refuse("namespace", "%q: %s", c.Namespace, strings.Join(messages, "; "))
	}
	if messages := validation.IsQualifiedName(c.HashLabelKey); len(messages) > 0 {
		refuse("hash-label-key", "%q: %s", c.HashLabelKey, strings.Join(messages, "; "))
	}
	if c.Concurrency < 1 {
		refuse("concurrency", "%d is less than 1", c.Concurrency)
	}
	if c.KubeAPIQPS <= 0 {
		refuse("kube-api-qps", "%v is not more than 0", c.KubeAPIQPS)
	}
	if c.KubeAPIBurst < 1 {
		refuse("kube-api-burst", "%d is less than 1", c.KubeAPIBurst)
	}
	return errors.Join(problems...)
}

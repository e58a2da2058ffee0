package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/rcroll/rcroll/certs"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// The values of --trigger.
const (
	triggerImage    = "image"
	triggerTemplate = "template"
)

// config is what the webhook can be told on its command line.
type config struct {
	// bindAddress and port of the admission server; an empty address means all.
	bindAddress string
	port        int

	// certDir is where the certificate is put for the admission server.
	certDir string

	// namespace and serviceName make the name by which the API server calls;
	// extraDNSNames are further ones.
	namespace     string
	serviceName   string
	extraDNSNames list

	// secretName in namespace holds the certificate for all replicas.
	secretName string

	// webhookConfiguration gets the caBundle.
	webhookConfiguration string

	// healthProbeBindAddress serves /healthz and /readyz, metricsBindAddress
	// /metrics over plain HTTP; "0" turns either off.
	healthProbeBindAddress string
	metricsBindAddress     string

	// hashLabelKey is the label that tells the pods of one template from those of
	// another. The agent must be told the same.
	hashLabelKey string

	// agentUser and webhookUser are the user names of rcroll itself.
	agentUser   string
	webhookUser string

	// declarativeManagers are the field managers whose patches say all that they want.
	declarativeManagers list

	// trigger is the kind of change that asks for a rollout.
	trigger string

	// kubeAPIQPS and kubeAPIBurst limit the requests to the API server, more than
	// 0. A review takes none to three, while a user waits for it.
	kubeAPIQPS   float64
	kubeAPIBurst int
}

// Register adds the flags, with their defaults.
func (c *config) Register(flags *flag.FlagSet) {
	const accounts = "system:serviceaccount:rcroll-system:"
	c.declarativeManagers = list{values: mutate.DefaultDeclarativeManagers}

	flags.StringVar(&c.bindAddress, "bind-address", "", "address of the admission server; empty for all")
	flags.IntVar(&c.port, "port", 9443, "port of the admission server")
	flags.StringVar(&c.certDir, "cert-dir", filepath.Join(os.TempDir(), "rcroll-webhook"), "directory, of this process alone, for the certificate that is served")
	flags.StringVar(&c.namespace, "namespace", "rcroll-system", "namespace of the Service and the Secret")
	flags.StringVar(&c.serviceName, "service-name", "rcroll-webhook", "name of the Service through which the API server calls")
	flags.Var(&c.extraDNSNames, "extra-dns-name", "further name by which the API server calls; may be repeated")
	flags.StringVar(&c.secretName, "secret-name", "rcroll-webhook-cert", "name of the Secret that holds the certificate; made if it is missing")
	flags.StringVar(&c.webhookConfiguration, "webhook-configuration", "rcroll", "name of the MutatingWebhookConfiguration that gets the CA")
	flags.StringVar(&c.healthProbeBindAddress, "health-probe-bind-address", ":8081", `address of /healthz and /readyz, "0" for none`)
	flags.StringVar(&c.metricsBindAddress, "metrics-bind-address", ":8080", `address of /metrics, "0" for none`)
	flags.StringVar(&c.hashLabelKey, "hash-label-key", api.DefaultHashLabelKey, "label key that holds the hash of a pod template; the agent must have the same")
	flags.StringVar(&c.agentUser, "agent-user", accounts+"rcroll-agent", "user name of the agent")
	flags.StringVar(&c.webhookUser, "webhook-user", accounts+"rcroll-webhook", "user name of the webhook")
	flags.Var(&c.declarativeManagers, "declarative-managers", "field managers, with commas between, that send patches computed from a whole manifest; may be repeated")
	flags.StringVar(&c.trigger, "trigger", triggerImage, `the change that asks for a rollout: "image" of a container, or any of the "template"`)
	flags.Float64Var(&c.kubeAPIQPS, "kube-api-qps", 1000, "requests per second to the API server, in the long run")
	flags.IntVar(&c.kubeAPIBurst, "kube-api-burst", 2000, "requests to the API server at once")
}

// Validate tells of every value that the webhook cannot work with.
func (c *config) Validate() error {
	var problems []error
	check := func(name, value string, messages []string) {
		if len(messages) > 0 {
			problems = append(problems, fmt.Errorf("--%s: %q: %s", name, value, strings.Join(messages, "; ")))
		}
	}
	require := func(name string, ok bool, want string) {
		if !ok {
			problems = append(problems, fmt.Errorf("--%s: must be %s", name, want))
		}
	}
	check("port", fmt.Sprint(c.port), validation.IsValidPortNum(c.port))
	require("cert-dir", c.certDir != "", "a directory")
	check("namespace", c.namespace, validation.IsDNS1123Label(c.namespace))
	check("service-name", c.serviceName, apivalidation.NameIsDNSLabel(c.serviceName, false))
	for _, name := range c.extraDNSNames.values {
		check("extra-dns-name", name, validation.IsDNS1123Subdomain(name))
	}
	check("secret-name", c.secretName, validation.IsDNS1123Subdomain(c.secretName))
	check("webhook-configuration", c.webhookConfiguration, validation.IsDNS1123Subdomain(c.webhookConfiguration))
	check("hash-label-key", c.hashLabelKey, validation.IsQualifiedName(c.hashLabelKey))
	require("agent-user", c.agentUser != "", "a user name")
	require("webhook-user", c.webhookUser != "", "a user name")
	require("webhook-user", c.agentUser != c.webhookUser, "another one than --agent-user")
	require("trigger", c.trigger == triggerImage || c.trigger == triggerTemplate, `"image" or "template"`)
	require("kube-api-qps", c.kubeAPIQPS > 0, "more than 0")
	require("kube-api-burst", c.kubeAPIBurst > 0, "more than 0")
	return errors.Join(problems...)
}

// rules are the options of the decisions.
func (c *config) rules() mutate.Options {
	return mutate.Options{
		HashLabelKey:        c.hashLabelKey,
		AgentUser:           c.agentUser,
		WebhookUser:         c.webhookUser,
		AutoscalerUsers:     mutate.DefaultAutoscalerUsers,
		DeclarativeManagers: c.declarativeManagers.values,
		AnyTemplateChange:   c.trigger == triggerTemplate,
	}
}

// certificate says for whom the certificate is and where it goes.
func (c *config) certificate() certs.Options {
	return certs.Options{
		Secret:        types.NamespacedName{Namespace: c.namespace, Name: c.secretName},
		Configuration: c.webhookConfiguration,
		DNSNames:      append([]string{c.serviceName + "." + c.namespace + ".svc"}, c.extraDNSNames.values...),
		Dir:           c.certDir,
	}
}

// list is a flag of several values: with commas between, repeated, or both. The
// first use of the flag replaces the default.
type list struct {
	values []string
	set    bool
}

func (l *list) String() string { return strings.Join(l.values, ",") }

func (l *list) Set(text string) error {
	if !l.set {
		l.values, l.set = nil, true
	}
	for value := range strings.SplitSeq(text, ",") {
		if value = strings.TrimSpace(value); value != "" {
			l.values = append(l.values, value)
		}
	}
	return nil
}

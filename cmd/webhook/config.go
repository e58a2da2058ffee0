package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"github.com/rcroll/rcroll/certs"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/pkg/pairing"
	"github.com/rcroll/rcroll/pkg/verdict"
)

// namespacePlaceholder is what --agent-user and --webhook-user may say instead of the
// namespace, so that their defaults are right in every one.
const namespacePlaceholder = "{namespace}"

// config holds the webhook's flags.
type config struct {
	// bindAddress and port of the admission server; an empty address means all.
	bindAddress string
	port        int

	// certDir is the directory from which the admission server reads its certificate.
	certDir string

	// clientCAFile holds the authorities of the client certificates that are demanded, with
	// one of clientAllowedNames if there are any; empty demands none.
	clientCAFile       string
	clientAllowedNames []string

	// namespace and serviceName make the DNS name by which the API server calls;
	// extraDNSNames are further ones.
	namespace     string
	serviceName   string
	extraDNSNames []string

	// secretName in namespace holds the certificate for all replicas.
	secretName string

	// webhookConfiguration is the object whose caBundles are set.
	webhookConfiguration string

	// healthProbeBindAddress serves /healthz and /readyz, metricsBindAddress /metrics, as
	// metrics.Server says; "0" disables either.
	healthProbeBindAddress string
	metricsBindAddress     string

	// hashLabelKey is the label that distinguishes the pods of one template from
	// those of another. The agent needs the same value.
	hashLabelKey string

	// agentUser and webhookUser are the user names of rcroll itself, in which
	// namespacePlaceholder stands for namespace; see user.
	agentUser   string
	webhookUser string

	// declarativeManagers are the field managers whose patches state all that they
	// want.
	declarativeManagers []string

	// trigger is the kind of change that asks for a rollout; restartAnnotations are the
	// keys of template annotations whose change does in any case.
	trigger            string
	restartAnnotations []string

	// verdictAs says in whose name the API server may be asked about a request:
	// verdict.AsUser, or also verdict.AsWebhook.
	verdictAs string

	// kubeAPIQPS and kubeAPIBurst limit the requests to the API server, and are
	// greater than 0. A review takes none to three, while a user waits for it.
	kubeAPIQPS   float64
	kubeAPIBurst int
}

// Register adds the flags, with their defaults.
func (c *config) Register(flags *pflag.FlagSet) {
	const accounts = "system:serviceaccount:" + namespacePlaceholder + ":"

	flags.StringVar(&c.bindAddress, "bind-address", "", "IP address that the admission server listens on; empty for all")
	flags.IntVar(&c.port, "port", 9443, "port that the admission server listens on")
	flags.StringVar(&c.certDir, "cert-dir", filepath.Join(os.TempDir(), "rcroll-webhook"), "directory for the serving certificate; must not be shared with another process")
	flags.StringVar(&c.clientCAFile, "client-ca-file", "", "file with the certificate authorities (PEM) of the API server's client certificate; if set, requests without such a certificate are not served. Read at start-up")
	flags.StringSliceVar(&c.clientAllowedNames, "client-allowed-names", nil, "common names allowed in the client certificate; any, if empty; comma-separated or repeated")
	flags.StringVar(&c.namespace, "namespace", "rcroll-system", "namespace of the webhook's Service and Secret; in a pod by default its own")
	flags.StringVar(&c.serviceName, "service-name", "rcroll-webhook", "name of the Service by which the API server calls the webhook")
	flags.StringSliceVar(&c.extraDNSNames, "extra-dns-name", nil, "additional DNS names for the serving certificate; comma-separated or repeated")
	flags.StringVar(&c.secretName, "secret-name", "rcroll-webhook-cert", "name of the Secret that holds the serving certificate; created if it does not exist")
	flags.StringVar(&c.webhookConfiguration, "webhook-configuration", "rcroll", "name of the MutatingWebhookConfiguration whose caBundles are set")
	flags.StringVar(&c.healthProbeBindAddress, "health-probe-bind-address", ":8081", `address that serves /healthz and /readyz; "0" disables them`)
	flags.StringVar(&c.metricsBindAddress, "metrics-bind-address", ":8080", `address that serves /metrics: plain HTTP on a loopback address, else HTTPS for those who may get /metrics; "0" disables it`)
	flags.StringVar(&c.hashLabelKey, "hash-label-key", api.DefaultHashLabelKey, "key of the label that holds the hash of the pod template; must be the same for agent and webhook")
	flags.StringVar(&c.agentUser, "agent-user", accounts+"rcroll-agent", "user name of the agent; "+namespacePlaceholder+" stands for --namespace")
	flags.StringVar(&c.webhookUser, "webhook-user", accounts+"rcroll-webhook", "user name of the webhook; "+namespacePlaceholder+" stands for --namespace")
	flags.StringSliceVar(&c.declarativeManagers, "declarative-managers", mutate.DefaultDeclarativeManagers, "field managers whose patches are computed from a complete manifest; comma-separated or repeated")
	flags.StringVar(&c.trigger, "trigger", api.TriggerImage, `change that starts a rolling update: "image" for the image of a container, "template" for any change of the pod template`)
	flags.StringSliceVar(&c.restartAnnotations, "restart-annotations", mutate.DefaultRestartAnnotations, "annotations of the pod template whose change starts a rolling update, whatever the trigger; comma-separated or repeated")
	flags.StringVar(&c.verdictAs, "verdict-as", string(verdict.AsWebhook), `in whose name the API server is asked whether it accepts a requested spec: always in that of the "user", or in that of the "webhook" where the API server does not allow impersonation (before Kubernetes 1.36, and for members of system:masters)`)
	flags.Float64Var(&c.kubeAPIQPS, "kube-api-qps", 1000, "average number of requests per second to the API server")
	flags.IntVar(&c.kubeAPIBurst, "kube-api-burst", 2000, "number of requests to the API server that may exceed --kube-api-qps in a burst")
}

// Validate returns an error that names every flag with an invalid value.
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
	for _, name := range c.extraDNSNames {
		check("extra-dns-name", name, validation.IsDNS1123Subdomain(name))
	}
	require("client-allowed-names", len(c.clientAllowedNames) == 0 || c.clientCAFile != "", "used together with --client-ca-file")
	check("secret-name", c.secretName, validation.IsDNS1123Subdomain(c.secretName))
	check("webhook-configuration", c.webhookConfiguration, validation.IsDNS1123Subdomain(c.webhookConfiguration))
	check("hash-label-key", c.hashLabelKey, validation.IsQualifiedName(c.hashLabelKey))
	require("agent-user", c.agentUser != "", "a user name")
	require("webhook-user", c.webhookUser != "", "a user name")
	require("webhook-user", c.user(c.agentUser) != c.user(c.webhookUser), "different from --agent-user")
	for _, name := range c.declarativeManagers {
		require("declarative-managers", name != "" && strings.TrimSpace(name) == name, "names without spaces around them")
	}
	require("trigger", c.trigger == api.TriggerImage || c.trigger == api.TriggerTemplate, `"image" or "template"`)
	for _, key := range c.restartAnnotations {
		check("restart-annotations", key, validation.IsQualifiedName(key))
	}
	require("verdict-as", c.verdictAs == string(verdict.AsUser) || c.verdictAs == string(verdict.AsWebhook), `"user" or "webhook"`)
	require("kube-api-qps", c.kubeAPIQPS > 0, "greater than 0")
	require("kube-api-burst", c.kubeAPIBurst > 0, "greater than 0")
	return errors.Join(problems...)
}

// user is a user name without the placeholder.
func (c *config) user(name string) string {
	return strings.ReplaceAll(name, namespacePlaceholder, c.namespace)
}

// terms are what the agent has to be.
func (c *config) terms() pairing.Terms {
	return pairing.Terms{AgentUser: c.user(c.agentUser), HashLabelKey: c.hashLabelKey}
}

// rules are the options of pkg/mutate.
func (c *config) rules() mutate.Options {
	return mutate.Options{
		HashLabelKey:        c.hashLabelKey,
		AgentUser:           c.user(c.agentUser),
		WebhookUser:         c.user(c.webhookUser),
		AutoscalerUsers:     mutate.DefaultAutoscalerUsers,
		DeclarativeManagers: c.declarativeManagers,
		Trigger:             c.trigger,
		RestartAnnotations:  c.restartAnnotations,
	}
}

// certificate are the options of the certificate that is served.
func (c *config) certificate() certs.Options {
	return certs.Options{
		Secret:        types.NamespacedName{Namespace: c.namespace, Name: c.secretName},
		Configuration: c.webhookConfiguration,
		DNSNames:      append([]string{c.serviceName + "." + c.namespace + ".svc"}, c.extraDNSNames...),
		Dir:           c.certDir,
	}
}

// limit returns the client configuration with the limits of the flags.
func (c *config) limit(restConfig *rest.Config) *rest.Config {
	restConfig = rest.CopyConfig(restConfig)
	restConfig.QPS, restConfig.Burst = float32(c.kubeAPIQPS), c.kubeAPIBurst
	return restConfig
}

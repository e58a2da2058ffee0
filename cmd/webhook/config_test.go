package main

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/rcroll/rcroll/certs"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/pkg/pairing"
)

func parse(t *testing.T, args ...string) *config {
	t.Helper()
	var c config
	flags := pflag.NewFlagSet("webhook", pflag.ContinueOnError)
	c.Register(flags)
	require.NoError(t, flags.Parse(args))
	return &c
}

// The defaults are what manifests/base rely on.
func TestDefaults(t *testing.T) {
	c := parse(t, "--cert-dir=/certs")
	require.NoError(t, c.Validate())
	assert.Equal(t, certs.Options{
		Secret:        types.NamespacedName{Namespace: "rcroll-system", Name: "rcroll-webhook-cert"},
		Configuration: "rcroll",
		DNSNames:      []string{"rcroll-webhook.rcroll-system.svc"},
		Dir:           "/certs",
	}, c.certificate())
	assert.Equal(t, mutate.Options{
		HashLabelKey:        "deployment",
		AgentUser:           "system:serviceaccount:rcroll-system:rcroll-agent",
		WebhookUser:         "system:serviceaccount:rcroll-system:rcroll-webhook",
		AutoscalerUsers:     mutate.DefaultAutoscalerUsers,
		DeclarativeManagers: mutate.DefaultDeclarativeManagers,
		Trigger:             api.TriggerImage,
		RestartAnnotations:  mutate.DefaultRestartAnnotations,
	}, c.rules())
	assert.Equal(t, 9443, c.port)
}

// In another namespace the accounts are those of that namespace.
func TestAnotherNamespace(t *testing.T) {
	c := parse(t, "--namespace=y")
	require.NoError(t, c.Validate())
	assert.Equal(t, []string{"rcroll-webhook.y.svc"}, c.certificate().DNSNames)
	assert.Equal(t, "system:serviceaccount:y:rcroll-agent", c.rules().AgentUser)
	assert.Equal(t, "system:serviceaccount:y:rcroll-webhook", c.rules().WebhookUser)
	assert.Equal(t, pairing.Terms{AgentUser: "system:serviceaccount:y:rcroll-agent", HashLabelKey: "deployment"}, c.terms())
}

func TestFlagsArrive(t *testing.T) {
	c := parse(t, "--cert-dir=/d", "--namespace=ns", "--service-name=svc", "--secret-name=sec", "--webhook-configuration=conf",
		"--extra-dns-name=localhost", "--extra-dns-name=a.example,b.example",
		"--hash-label-key=example.com/hash", "--agent-user=agent", "--webhook-user=webhook",
		"--declarative-managers=helm,flux", "--declarative-managers=mine", "--trigger=template", "--restart-annotations=example.com/restart")
	require.NoError(t, c.Validate())
	assert.Equal(t, certs.Options{
		Secret:        types.NamespacedName{Namespace: "ns", Name: "sec"},
		Configuration: "conf",
		DNSNames:      []string{"svc.ns.svc", "localhost", "a.example", "b.example"},
		Dir:           "/d",
	}, c.certificate())
	assert.Equal(t, mutate.Options{
		HashLabelKey:        "example.com/hash",
		AgentUser:           "agent",
		WebhookUser:         "webhook",
		AutoscalerUsers:     mutate.DefaultAutoscalerUsers,
		DeclarativeManagers: []string{"helm", "flux", "mine"},
		Trigger:             api.TriggerTemplate,
		RestartAnnotations:  []string{"example.com/restart"},
	}, c.rules())
}

func TestLimit(t *testing.T) {
	given := &rest.Config{Host: "https://example.com", QPS: -1}
	limited := parse(t, "--kube-api-qps=7.5", "--kube-api-burst=9").limit(given)
	assert.Equal(t, &rest.Config{Host: "https://example.com", QPS: 7.5, Burst: 9}, limited)
	assert.Equal(t, float32(-1), given.QPS, "the caller's configuration stays as it is")
}

func TestManagerOptions(t *testing.T) {
	options, err := managerOptions(parse(t, "--health-probe-bind-address=:1", "--metrics-bind-address=:2"))
	require.NoError(t, err)
	assert.Equal(t, ":1", options.HealthProbeBindAddress)
	assert.Equal(t, ":2", options.Metrics.BindAddress)
	assert.False(t, options.LeaderElection, "every replica serves")
	assert.True(t, options.Cache.ReaderFailOnMissingInformer)
	assert.Len(t, options.Cache.ByObject, 2)
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		arg  string
		want string
	}{
		"port too high":             {"--port=65536", "--port"},
		"port 0":                    {"--port=0", "--port"},
		"no directory":              {"--cert-dir=", "--cert-dir: must be a directory"},
		"namespace":                 {"--namespace=A", "--namespace"},
		"service":                   {"--service-name=a.b", "--service-name"},
		"name":                      {"--extra-dns-name=fine,not_fine", `--extra-dns-name: "not_fine"`},
		"secret":                    {"--secret-name=a_b", "--secret-name"},
		"names of nobody":           {"--client-allowed-names=a", "--client-allowed-names: must be used together with --client-ca-file"},
		"configuration":             {"--webhook-configuration=", "--webhook-configuration"},
		"hash label":                {"--hash-label-key=a b", "--hash-label-key"},
		"no agent":                  {"--agent-user=", "--agent-user"},
		"no webhook":                {"--webhook-user=", "--webhook-user"},
		"agent and webhook are one": {"--webhook-user=system:serviceaccount:rcroll-system:rcroll-agent", "different from --agent-user"},
		"a space before a manager":  {"--declarative-managers=helm, flux", "--declarative-managers: must be names without spaces"},
		"a manager without a name":  {"--declarative-managers=helm,,flux", "--declarative-managers"},
		"restart annotation":        {"--restart-annotations=a b", "--restart-annotations"},
		"verdict":                   {"--verdict-as=me", `--verdict-as: must be "user" or "webhook"`},
		"trigger":                   {"--trigger=env", `--trigger: must be "image" or "template"`},
		"qps":                       {"--kube-api-qps=0", "--kube-api-qps"},
		"burst":                     {"--kube-api-burst=0", "--kube-api-burst"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, parse(t, c.arg).Validate(), c.want)
		})
	}
	t.Run("all problems at once", func(t *testing.T) {
		err := parse(t, "--port=0", "--trigger=x").Validate()
		require.ErrorContains(t, err, "--port")
		require.ErrorContains(t, err, "--trigger")
	})
}

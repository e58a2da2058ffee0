package agent

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parse(t *testing.T, args ...string) Config {
	t.Helper()
	var config Config
	flags := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	config.Register(flags)
	require.NoError(t, flags.Parse(args))
	return config
}

func TestConfigDefaults(t *testing.T) {
	config := parse(t)
	require.NoError(t, config.Validate())
	assert.Equal(t, Config{
		Namespace: "rcroll-system", WebhookConfiguration: "rcroll", LeaderElect: true,
		HealthProbeBindAddress: ":8081", MetricsBindAddress: ":8080",
		HashLabelKey: "deployment", Concurrency: 20, KubeAPIQPS: 1000, KubeAPIBurst: 2000, RevisionHistoryLimit: 10,
	}, config)
}

func TestConfigFlags(t *testing.T) {
	config := parse(t, "--namespace=x", "--webhook-configuration=conf", "--leader-elect=false", "--health-probe-bind-address=:1",
		"--metrics-bind-address=0", "--hash-label-key=example.com/hash", "--concurrency=3", "--kube-api-qps=7.5", "--kube-api-burst=9", "--revision-history-limit=2")
	require.NoError(t, config.Validate())
	assert.Equal(t, Config{
		Namespace: "x", WebhookConfiguration: "conf", HealthProbeBindAddress: ":1", MetricsBindAddress: "0",
		HashLabelKey: "example.com/hash", Concurrency: 3, KubeAPIQPS: 7.5, KubeAPIBurst: 9, RevisionHistoryLimit: 2,
	}, config)
	options := managerOptions(config)
	assert.Equal(t, "x", options.LeaderElectionNamespace)
	assert.False(t, options.LeaderElection)
	assert.Equal(t, ":1", options.HealthProbeBindAddress)
	assert.Equal(t, "0", options.Metrics.BindAddress)
}

func TestConfigValidate(t *testing.T) {
	for flag, want := range map[string]string{
		"--namespace=":                "--namespace",
		"--namespace=No_Name":         "--namespace",
		"--webhook-configuration=":    "--webhook-configuration",
		"--hash-label-key=":           "--hash-label-key",
		"--hash-label-key=a/b/c":      "--hash-label-key",
		"--concurrency=0":             "--concurrency",
		"--kube-api-qps=0":            "--kube-api-qps",
		"--kube-api-qps=-1":           "--kube-api-qps",
		"--kube-api-burst=0":          "--kube-api-burst",
		"--revision-history-limit=-1": "--revision-history-limit",
		"--revision-history-limit=0":  "",
		"--leader-elect=false":        "",
		"--concurrency=1":             "",
		"--metrics-bind-address=0":    "",
	} {
		t.Run(flag, func(t *testing.T) {
			config := parse(t, flag)
			err := config.Validate()
			if want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, want)
		})
	}
}

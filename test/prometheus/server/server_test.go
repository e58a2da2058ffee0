package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/prometheus/expressions"
)

const (
	programsEnv = "RCROLL_PROMETHEUS"
	alertsFile  = "../../../contrib/prometheus/alerts.yaml"
	boardFile   = "../../../contrib/grafana/rcroll.json"
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestExpressions: while rollouts go, fail and wait, and after the webhook was gone, every
// expression of alerts and dashboard is evaluated, and what it looks at is there.
func TestExpressions(t *testing.T) {
	programs := os.Getenv(programsEnv)
	if programs == "" {
		t.Skipf("%s does not name the directory with prometheus (make test-prometheus does)", programsEnv)
	}
	cluster := harness.Cluster(t)
	ctx, stop := context.WithCancel(harness.Context(t))
	server, err := Start(ctx, filepath.Join(programs, "prometheus"), t.TempDir(), configuration(t, cluster))
	require.NoError(t, err)
	t.Cleanup(func() { stop(); server.Wait() })

	happen(t, cluster)
	for _, expression := range all(t) {
		text, err := expressions.Signal(expression.Text)
		require.NoError(t, err)
		assert.Eventually(t, func() bool {
			series, err := server.Ask(ctx, text)
			return assert.NoError(t, err) && series > 0
		}, 20*time.Second, time.Second, "%s: %s", expression.Where, text)
	}
	health, err := server.Rules(ctx)
	require.NoError(t, err)
	assert.Len(t, health, 14)
	for alert, is := range health {
		assert.Equal(t, "ok", is, alert)
	}
	series, err := server.Ask(ctx, `ALERTS{alertname="RcrollWebhookUnreachable",alertstate="firing"}`)
	require.NoError(t, err)
	assert.Equal(t, 1, series, "the API server could not call the webhook")
}

func all(t *testing.T) []expressions.Expression {
	t.Helper()
	alerts, err := expressions.Alerts(alertsFile)
	require.NoError(t, err)
	panels, err := expressions.Dashboard(boardFile, "2m")
	require.NoError(t, err)
	return append(alerts, panels...)
}

// happen makes happen what the metrics tell of: an outage of the webhook, a rollout, and one
// that fails and stays.
func happen(t *testing.T, cluster *harness.ControlPlane) {
	t.Helper()
	two := manifest.Replicas(2)
	succeeds := harness.Given(t, manifest.Tomcat(t, two))
	t.Cleanup(func() { assert.NoError(t, cluster.Run("start", harness.Webhook)) })
	// The API server counts the first call that failed from 1, so two of them make an increase.
	require.NoError(t, cluster.Run("stop", harness.Webhook))
	succeeds.ExpectRefused("failed calling webhook", "set", "image", succeeds.Ref(), "tomcat=tomcat:8")
	time.Sleep(3 * scrapeInterval)
	succeeds.ExpectRefused("failed calling webhook", "set", "image", succeeds.Ref(), "tomcat=tomcat:8")
	require.NoError(t, cluster.Run("start", harness.Webhook))
	time.Sleep(3 * scrapeInterval)
	succeeds.SetImage("tomcat=tomcat:8")
	succeeds.AwaitRollout("tomcat:8", 2)
	fails := harness.Given(t, manifest.Tomcat(t, two, manifest.Annotated(api.ProgressDeadlineAnnotation, "6s")))
	fails.SetImage("tomcat=tomcat:bad")
	fails.AwaitFailure("ImagePullBackOff")
}

const scrapeInterval = time.Second

// configuration scrapes agent, webhook and API server, and evaluates the alerts.
func configuration(t *testing.T, cluster *harness.ControlPlane) string {
	t.Helper()
	alerts, err := filepath.Abs(alertsFile)
	require.NoError(t, err)
	text := fmt.Sprintf("global: {scrape_interval: %s, evaluation_interval: %s}\nrule_files: [%s]\nscrape_configs:\n", scrapeInterval, scrapeInterval, alerts)
	for _, component := range []string{harness.Agent, harness.Webhook} {
		text += fmt.Sprintf("- {job_name: %s, static_configs: [{targets: [%q]}]}\n", component, harness.MetricsAddress(t, component))
	}
	ca, cert, key := credentials(t, cluster.Config)
	return text + fmt.Sprintf("- {job_name: kube-apiserver, scheme: https, static_configs: [{targets: [%q]}], tls_config: {ca_file: %s, cert_file: %s, key_file: %s}}\n",
		cluster.Config.Host[len("https://"):], ca, cert, key)
}

// credentials are the administrator's, in files.
func credentials(t *testing.T, config *rest.Config) (ca, cert, key string) {
	t.Helper()
	directory := t.TempDir()
	require.NoError(t, rest.LoadTLSFiles(config))
	write := func(name string, content []byte) string {
		path := filepath.Join(directory, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	return write("ca.crt", config.CAData), write("client.crt", config.CertData), write("client.key", config.KeyData)
}

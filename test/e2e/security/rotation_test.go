package security

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

const (
	// editsEnv is how many edits TestRotation makes.
	editsEnv     = "RCROLL_ROTATION_EDITS"
	defaultEdits = 1000

	secretName = "rcroll-webhook-cert"
)

// The certificate is renewed three times while users edit: no edit fails. It is renewed
// because the Secret was deleted, because it was emptied, and because somebody put a
// pair there that is not for the webhook.
func TestRotation(t *testing.T) {
	wanted := int64(defaultEdits)
	if text := os.Getenv(editsEnv); text != "" {
		var err error
		wanted, err = strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
	}
	s := harness.Given(t, manifest.Tomcat(t, manifest.Replicas(1)))
	traffic := editing(s, 4)
	handshakes := connecting(s)
	secrets := s.Cluster.Client.CoreV1().Secrets(harness.SystemNamespace())
	patch := func(data map[string]string) error {
		_, err := secrets.Patch(t.Context(), secretName, types.MergePatchType, []byte(encode(map[string]any{"data": data})), metav1.PatchOptions{})
		return err
	}
	for _, c := range []struct {
		why   string
		renew func() error
	}{
		{"the Secret is deleted", func() error { return secrets.Delete(t.Context(), secretName, metav1.DeleteOptions{}) }},
		{"the Secret is emptied", func() error { return patch(map[string]string{"tls.crt": "", "tls.key": "", "ca.crt": ""}) }},
		{"the Secret has the pair of another", func() error { return patch(foreignPair(t, s.Cluster)) }},
	} {
		before, began := served(t), time.Now()
		require.NoError(t, c.renew(), c.why)
		require.Eventually(t, func() bool { return served(t) != before }, harness.Patience, 50*time.Millisecond, c.why)
		t.Logf("%s: another certificate is served after %v, and %d edits", c.why, time.Since(began).Round(time.Millisecond), traffic.made.Load())
	}
	require.Eventually(t, func() bool { return traffic.made.Load() >= wanted }, 20*harness.Patience, 50*time.Millisecond)
	traffic.stop()
	handshakes.stop()
	assert.Empty(t, handshakes.failures, "of %d connections", handshakes.made.Load())
	t.Logf("%d edits while the certificate was renewed 3 times, %d failed", traffic.made.Load(), len(traffic.failures))
	assert.Empty(t, traffic.failures)
}

// traffic is something that is done again and again.
type traffic struct {
	made     atomic.Int64
	stop     func()
	mu       sync.Mutex
	failures []error // to be read after stop
}

// again does something until it is stopped, some at a time.
func again(s *harness.Scenario, atOnce int, do func(context.Context) error) *traffic {
	ctx, cancel := context.WithCancel(s.Context())
	f := &traffic{}
	var doers sync.WaitGroup
	f.stop = func() { cancel(); doers.Wait() }
	s.Cleanup(f.stop)
	for range atOnce {
		doers.Go(func() {
			for ctx.Err() == nil {
				err := do(ctx)
				switch {
				case ctx.Err() != nil:
				case err != nil:
					f.mu.Lock()
					f.failures = append(f.failures, err)
					f.mu.Unlock()
				default:
					f.made.Add(1)
				}
			}
		})
	}
	return f
}

// editing makes edits. Each is judged whole, and not stored: otherwise they would meet
// each other's versions.
func editing(s *harness.Scenario, atOnce int) *traffic {
	return again(s, atOnce, func(ctx context.Context) error {
		_, err := s.RCs().Patch(ctx, s.RCName, types.StrategicMergePatchType,
			[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}}`),
			metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: "kubectl-edit"})
		return err
	})
}

// connecting opens connections to the webhook as an API server does that trusts what the
// configuration says at that moment: those that edits are reviewed by stay open.
func connecting(s *harness.Scenario) *traffic {
	host := webhookHost(s.T)
	return again(s, 1, func(ctx context.Context) error {
		configuration, err := s.Cluster.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, "rcroll", metav1.GetOptions{})
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(configuration.Webhooks[0].ClientConfig.CABundle)
		dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "localhost"}}
		connection, err := dialer.DialContext(ctx, "tcp", host)
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

// served is the certificate that the webhook shows.
func served(t *testing.T) string {
	t.Helper()
	connection, err := tls.Dial("tcp", webhookHost(t), &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer func() { _ = connection.Close() }()
	return string(connection.ConnectionState().PeerCertificates[0].Raw)
}

// foreignPair is valid, and of a known authority: it is the API server's.
func foreignPair(t *testing.T, cluster *harness.ControlPlane) map[string]string {
	t.Helper()
	data := map[string]string{}
	for key, file := range map[string]string{"tls.crt": "apiserver.crt", "tls.key": "apiserver.key", "ca.crt": "ca.crt"} {
		content, err := os.ReadFile(cluster.File("pki", file))
		require.NoError(t, err)
		data[key] = base64.StdEncoding.EncodeToString(content)
	}
	return data
}

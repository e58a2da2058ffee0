package kill

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// The tests of this file stop the webhook, or have the API server call another one:
// none of them is parallel.

// webhookHost is where the API server calls the control plane's webhook.
func webhookHost(t *testing.T) string {
	t.Helper()
	configuration, err := harness.Cluster(t).Client.AdmissionregistrationV1().MutatingWebhookConfigurations().
		Get(t.Context(), webhookConfiguration, metav1.GetOptions{})
	require.NoError(t, err)
	u, err := url.Parse(*configuration.Webhooks[0].ClientConfig.URL)
	require.NoError(t, err)
	return u.Host
}

// While no webhook answers, nothing rolls that is not asked for: edits are refused,
// and what is under way stands still. It ends when the webhook is back.
func TestWebhookStoppedHalfway(t *testing.T) {
	s := given(t)
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.restartAfter(harness.Webhook)
	require.NoError(t, s.Cluster.Run("stop", harness.Webhook))
	stopped := time.Now()
	s.AwaitEvent("failed calling webhook")
	attempts := s.logged(harness.Agent, "failed calling webhook")
	s.ExpectRefused("failed calling webhook", "set", "image", "rc/tomcat", "tomcat=tomcat:9")
	s.ExpectRefused("the rcroll webhook, which records how many pods there shall be at its end, did not answer", "scale", "rc/tomcat", "--replicas=7")
	require.Eventually(t, func() bool { return s.logged(harness.Agent, "failed calling webhook") >= attempts+8 }, harness.Patience, 100*time.Millisecond)
	still := s.Now()
	assert.Equal(t, "tomcat:8", still.RC.Requested())
	assert.Equal(t, "tomcat:7", still.RC.Image)

	s.start(harness.Webhook)
	back := time.Now()
	moved := s.Await("the rollout goes on", func(m observe.Moment) bool {
		return m.RC.Generation > still.RC.Generation || len(m.WithImage("tomcat:8")) > len(still.WithImage("tomcat:8"))
	})
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
	t.Logf("without webhook for %.1f s; the rollout went on %.1f s after it was back, and ended after %.1f s",
		back.Sub(stopped).Seconds(), moved.At.Sub(back).Seconds(), time.Since(back).Seconds())
}

// logged counts the lines of a component's log that are about the namespace and hold
// a text.
func (s *scenario) logged(component, text string) int {
	s.Helper()
	content, err := os.ReadFile(s.Cluster.LogFile(component))
	require.NoError(s, err)
	n := 0
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, s.Namespace) && strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// A webhook that is asked to end answers what it was asked before, and says first
// that it is not ready for more.
func TestWebhookDrains(t *testing.T) {
	s := given(t, manifest.Replicas(killReplicas))
	upstream := apiServerFor(t, "")
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	// The webhook has a requested template validated by a dry run, which takes a while.
	slow := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.Contains(r.URL.Path, s.Namespace) {
			once.Do(func() { close(asked) })
			<-answer
		}
		upstream.ServeHTTP(w, r)
	}))
	release := sync.OnceFunc(func() { close(answer) })
	t.Cleanup(release)
	leaving := runWebhook(t, slow, t.TempDir())
	leaving.awaitReady()
	general := webhookHost(t)
	redirectReviews(t, nil, "localhost:"+leaving.port)
	t.Cleanup(func() { redirectReviews(t, nil, general) })

	edited := make(chan error, 1)
	go func() {
		for {
			err := s.ask("tomcat:8", metav1.DryRunAll)
			select {
			case <-asked:
				edited <- err
				return
			default: // the API server still called the other one
			}
			if s.Failed() {
				return
			}
		}
	}()
	select {
	case <-asked:
	case <-time.After(harness.Patience):
		require.Fail(t, "the API server does not call the webhook")
	}
	leaving.terminate()
	require.Eventually(t, func() bool { return leaving.readiness() != http.StatusOK }, harness.Patience, 20*time.Millisecond)
	select {
	case <-leaving.gone:
		require.Fail(t, "the webhook ended with a review in its hands")
	default:
	}
	// What the webhook still has to ask of the API server is reviewed by another replica.
	redirectReviews(t, nil, general)
	require.Eventually(t, func() bool { return tryReview(s.Cluster.Client) == nil }, harness.Patience, 20*time.Millisecond)
	release()
	require.NoError(t, <-edited)
	leaving.awaitEnd()
}

// Two replicas share one certificate. While it is renewed, twice, the API server
// calls both with no failure, and anybody who trusts what is published at that moment
// may connect to either.
func TestCertificateRenewalUnderTraffic(t *testing.T) {
	s := given(t, manifest.Replicas(killReplicas))
	first, second := webhookHost(t), runWebhook(t, nil, t.TempDir())
	second.awaitReady()
	hosts := []string{first, "localhost:" + second.port}
	redirectReviews(t, nil, hosts...)
	t.Cleanup(func() { redirectReviews(t, nil, first, first) })

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var edits, scales, handshakes traffic
	edits.begin(ctx, func() error { return s.ask("tomcat:8", metav1.DryRunAll) }) // reviewed by the first
	scales.begin(ctx, func() error {                                              // reviewed by the second
		_, err := s.RCs().Patch(ctx, s.RCName, types.MergePatchType,
			[]byte(`{"spec":{"replicas":3}}`), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, "scale")
		return err
	})
	handshakes.begin(ctx, func() error {
		for i, host := range hosts {
			if err := connect(ctx, s.Cluster.Client, host, i); err != nil {
				return err
			}
		}
		return nil
	})
	for range 2 {
		before := servedBy(t, hosts[0])
		require.NoError(t, s.Cluster.Client.CoreV1().Secrets(harness.SystemNamespace()).Delete(ctx, "rcroll-webhook-cert", metav1.DeleteOptions{}))
		require.Eventually(t, func() bool {
			serial := servedBy(t, hosts[0])
			return serial != before && servedBy(t, hosts[1]) == serial
		}, harness.Patience, 50*time.Millisecond)
	}
	stop()
	for name, traffic := range map[string]*traffic{"edits": &edits, "scales": &scales, "handshakes": &handshakes} {
		traffic.ended.Wait()
		assert.Empty(t, traffic.failures, name)
		assert.Greater(t, traffic.total.Load(), int64(20), name)
		t.Logf("%d %s, %d failed", traffic.total.Load(), name, len(traffic.failures))
	}
}

// traffic does something again and again.
type traffic struct {
	total    atomic.Int64
	ended    sync.WaitGroup
	failures []error // to be read after ended
}

func (f *traffic) begin(ctx context.Context, do func() error) {
	f.ended.Go(func() {
		for ctx.Err() == nil {
			if err := do(); err != nil && ctx.Err() == nil {
				f.failures = append(f.failures, err)
			}
			f.total.Add(1)
		}
	})
}

// connect opens a connection to a webhook as an API server does that trusts what the
// configuration says now, of the webhook with that index.
func connect(ctx context.Context, client kubernetes.Interface, host string, i int) error {
	configuration, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().
		Get(ctx, webhookConfiguration, metav1.GetOptions{})
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(configuration.Webhooks[i].ClientConfig.CABundle)
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "localhost"}}
	connection, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	return connection.Close()
}

// servedBy is the certificate that a webhook serves.
func servedBy(t *testing.T, host string) string {
	t.Helper()
	connection, err := tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer func() { _ = connection.Close() }()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: connection.ConnectionState().PeerCertificates[0].Raw}))
}

package clientcert

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/webhook"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

var ports = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)

func TestMain(m *testing.M) { harness.Main(m) }

// The recipe of docs/security.md: where the API server shows a client certificate that the
// webhook demands, nobody else gets a review read, and everything works as ever.
func TestWithClientCertificates(t *testing.T) {
	cluster := harness.Cluster(t)
	require.NoError(t, cluster.Run("up", "--webhook-client-cert"))
	configuration, err := cluster.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), "rcroll", metav1.GetOptions{})
	require.NoError(t, err)
	target, err := url.Parse(*configuration.Webhooks[0].ClientConfig.URL)
	require.NoError(t, err)
	host := target.Host
	issued := func(name string) *tls.Certificate {
		pair, err := tls.LoadX509KeyPair(cluster.File("pki", name+".crt"), cluster.File("pki", name+".key"))
		require.NoError(t, err)
		return &pair
	}
	for _, c := range []struct {
		who         string
		certificate *tls.Certificate
		says        string
	}{
		{"who has no certificate", nil, "TLS handshake error from 127.0.0.1:PORT: tls: client didn't provide a certificate"},
		{"who has one of another authority", issued("apiserver"), "TLS handshake error from 127.0.0.1:PORT: tls: failed to verify certificate"},
	} {
		t.Run(c.who, func(t *testing.T) {
			read, err := offered(t.Context(), host, c.certificate)
			require.Error(t, err)
			assert.Less(t, read, 1<<20, "no more of the body was taken than fits between the two")
			require.Eventually(t, func() bool {
				log, err := os.ReadFile(cluster.LogFile(harness.Webhook))
				return err == nil && strings.Contains(ports.ReplaceAllString(string(log), "127.0.0.1:PORT"), c.says)
			}, harness.Patience, 20*time.Millisecond, "the webhook says so")
		})
	}
	_, err = offered(t.Context(), host, issued("webhook-client"))
	require.NoError(t, err, "who has the API server's")

	s := harness.Given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Kubectl("scale", s.Ref(), "--replicas=6")
	s.AwaitRollout("tomcat:8", 6)
	s.ExpectRefused("spec.template.spec.containers[0].image: Required value", "patch", s.Ref(),
		"-p", `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":""}]}}}}`)
}

// offered posts a review of 6 MiB, and returns how much of it was taken.
func offered(ctx context.Context, host string, certificate *tls.Certificate) (int, error) {
	config := &tls.Config{InsecureSkipVerify: true}
	if certificate != nil {
		// Whatever authorities the webhook asks for.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	body := &counted{Reader: strings.NewReader(strings.Repeat(" ", 6<<20))}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+webhook.ControllerPath, body)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return body.read, err
	}
	return body.read, response.Body.Close()
}

// counted counts what is read.
type counted struct {
	*strings.Reader
	read int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

package install

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/test/e2e/harness"
)

const issuer = `apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: ca, namespace: cm}
spec: {ca: {secretName: ca-key-pair}}
`

// certificate is what cert-manager reads of the chart's Certificate.
type certificate struct {
	Spec struct {
		SecretName string          `json:"secretName"`
		DNSNames   []string        `json:"dnsNames"`
		Duration   metav1.Duration `json:"duration"`
		IssuerRef  struct {
			Name string `json:"name"`
			Kind string `json:"kind"`
		} `json:"issuerRef"`
	} `json:"spec"`
}

// TestCertManager: the API server takes the chart's Certificate as cert-manager's own
// definitions describe it, and the webhook serves and trusts what is issued for it, also
// where it was there first, and after a renewal by another authority. (cert-manager is
// the test.)
func TestCertManager(t *testing.T) {
	harness.Since(t, 36, "MutatingAdmissionPolicy")
	const namespace = "cm"
	harness.Cluster(t)
	applyDefinitions(t)
	makeNamespace(t, namespace)
	apply(t, issuer, "--dry-run=server")
	apply(t, issuer)
	port := harness.FreePort(t)
	manifests, err := harness.WithURL([]byte(chart(t, namespace, "-values={certificates: {mode: certManager, issuerRef: {name: ca, kind: Issuer}}}")), port)
	require.NoError(t, err)
	apply(t, string(manifests), "--force-conflicts") // with what another test has installed
	var wanted certificate
	stored, _ := kubectl(t, "-n", namespace, "get", "certificate", "rcroll-webhook", "-o", "json")
	require.NoError(t, json.Unmarshal([]byte(stored), &wanted))
	assert.Equal(t, "Issuer/ca", wanted.Spec.IssuerRef.Kind+"/"+wanted.Spec.IssuerRef.Name)

	webhook := harness.Start(t, harness.Webhook, "--namespace="+namespace, "--kubeconfig="+harness.TokenKubeconfig(t, namespace, "rcroll-webhook"),
		"--cert-dir="+t.TempDir(), "--bind-address=127.0.0.1", "--port="+port, "--extra-dns-name=localhost")
	webhook.AwaitReady()
	for range 2 {
		secret := issue(t, namespace, &wanted)
		require.Eventually(t, func() bool { return served(port) == string(secret.Data["tls.crt"]) }, harness.Patience, 100*time.Millisecond)
		assert.True(t, webhook.Ready(), "and the API server trusts it")
		after, err := harness.Cluster(t).Client.CoreV1().Secrets(namespace).Get(t.Context(), secret.Name, metav1.GetOptions{})
		require.NoError(t, err)
		assert.Equal(t, secret.ResourceVersion, after.ResourceVersion, "the webhook leaves the Secret to cert-manager")
	}
}

// applyDefinitions installs cert-manager's own, from its module.
func applyDefinitions(t *testing.T) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "github.com/cert-manager/cert-manager")
	command.Dir = root + "/test/helm"
	answer, _ := output(t, command)
	var module struct{ Dir string }
	require.NoError(t, json.Unmarshal([]byte(answer), &module))
	for _, name := range []string{"issuers", "certificates"} {
		definition, err := os.ReadFile(filepath.Join(module.Dir, "deploy", "crds", "cert-manager.io_"+name+".yaml"))
		require.NoError(t, err)
		apply(t, string(definition))
	}
	require.Eventually(t, func() bool {
		list, err := harness.Cluster(t).Client.Discovery().ServerResourcesForGroupVersion("cert-manager.io/v1")
		served := func(kind string) bool {
			return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Kind == kind })
		}
		return err == nil && served("Issuer") && served("Certificate")
	}, harness.Patience, 100*time.Millisecond)
}

// issue writes the Secret of a Certificate as cert-manager does, by a new authority. API
// servers reach the pods of the simulated nodes as localhost.
func issue(t *testing.T, namespace string, c *certificate) *corev1.Secret {
	t.Helper()
	secrets := harness.Cluster(t).Client.CoreV1().Secrets(namespace)
	secret, err := secrets.Get(t.Context(), c.Spec.SecretName, metav1.GetOptions{})
	require.NoError(t, err)
	secret.Annotations = map[string]string{
		"cert-manager.io/certificate-name": "rcroll-webhook",
		"cert-manager.io/issuer-name":      c.Spec.IssuerRef.Name,
		"cert-manager.io/issuer-kind":      c.Spec.IssuerRef.Kind,
	}
	end := time.Now().Add(c.Spec.Duration.Duration)
	authority, authorityKey := sign(t, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: end}, nil, nil)
	leaf, key := sign(t, &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: append([]string{"localhost"}, c.Spec.DNSNames...), NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, authority, authorityKey)
	encode := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	secret.Data = map[string][]byte{
		"ca.crt":  encode("CERTIFICATE", authority.Raw),
		"tls.crt": encode("CERTIFICATE", leaf.Raw),
		"tls.key": encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
	}
	secret, err = secrets.Update(t.Context(), secret, metav1.UpdateOptions{FieldManager: "cert-manager-certificates-issuing"})
	require.NoError(t, err)
	return secret
}

// sign returns a certificate with a new key. Without an authority it is one.
func sign(t *testing.T, template, authority *x509.Certificate, authorityKey *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	if authority == nil {
		authority, authorityKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority, key.Public(), authorityKey)
	require.NoError(t, err)
	signed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return signed, key
}

// served is the certificate that the webhook shows.
func served(port string) string {
	conn, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", port), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close() }()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: conn.ConnectionState().PeerCertificates[0].Raw}))
}

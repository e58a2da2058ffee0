package helm

import (
	"encoding/json"
	"testing"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// TestCertificate: cert-manager knows every field of the Certificate, and it is for the
// name by which the API server calls the webhook.
func TestCertificate(t *testing.T) {
	object := render(t, Release{Name: "x", Namespace: "y"}, "certificates: {mode: certManager, issuerRef: {name: ca, kind: ClusterIssuer}}")["Certificate rcroll-webhook"]
	text, err := json.Marshal(object)
	require.NoError(t, err)
	var certificate certmanagerv1.Certificate
	require.NoError(t, yaml.UnmarshalStrict(text, &certificate))
	assert.Equal(t, []string{"rcroll-webhook.y.svc"}, certificate.Spec.DNSNames)
	assert.Equal(t, "ClusterIssuer", certificate.Spec.IssuerRef.Kind)
	assert.Equal(t, certmanagerv1.SchemeGroupVersion.String(), certificate.APIVersion)
	assert.Less(t, certificate.Spec.RenewBefore.Duration, certificate.Spec.Duration.Duration)
}

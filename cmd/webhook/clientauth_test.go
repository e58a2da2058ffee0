package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// authority issues client certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return authority{certificate, key}
}

func (a authority) file(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "ca.crt")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}), 0o600))
	return file
}

func (a authority) issue(t *testing.T, name string) []tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	require.NoError(t, err)
	return []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
}

// TestClientCertificate: without the right certificate no handler is reached.
func TestClientCertificate(t *testing.T) {
	trusted, other := newAuthority(t), newAuthority(t)
	demand, err := requireClientCertificate(trusted.file(t), []string{"kube-apiserver"})
	require.NoError(t, err)
	reached := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	server.TLS = &tls.Config{}
	demand(server.TLS)
	server.StartTLS()
	t.Cleanup(server.Close)
	for name, c := range map[string]struct {
		certificates []tls.Certificate
		reaches      int
	}{
		"none":                 {nil, 0},
		"of another authority": {other.issue(t, "kube-apiserver"), 0},
		"of somebody else":     {trusted.issue(t, "somebody"), 0},
		"the API server's":     {trusted.issue(t, "kube-apiserver"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			reached = 0
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: c.certificates}}}
			response, err := client.Get(server.URL)
			if err == nil {
				_ = response.Body.Close()
			}
			assert.Equal(t, c.reaches == 0, err != nil, "%v", err)
			assert.Equal(t, c.reaches, reached)
		})
	}
	_, err = requireClientCertificate(filepath.Join(t.TempDir(), "missing"), nil)
	assert.ErrorContains(t, err, "--client-ca-file")
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	_, err = requireClientCertificate(empty, nil)
	assert.ErrorContains(t, err, "holds no certificate")
}

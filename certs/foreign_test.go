package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// foreign is the data of a Secret as cert-manager writes it, for a certificate of its own
// authority, or one that is signed by itself.
func foreign(t *testing.T, selfSigned bool, end time.Time) map[string][]byte {
	t.Helper()
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		return key
	}
	sign := func(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
		require.NoError(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: end}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{serviceName}, NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	key, authorityKey := newKey(), newKey()
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	data := map[string][]byte{privateKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})}
	if selfSigned {
		data[certKey] = sign(leaf, leaf, key, key)
		data[caKey] = data[certKey]
		return data
	}
	data[certKey] = sign(leaf, authority, key, authorityKey)
	data[caKey] = sign(authority, authority, authorityKey, authorityKey)
	return data
}

// TestForeignCertificate: the Rotator leaves a certificate alone that somebody else keeps
// renewing in its Secret, in time; and trusts and serves it.
func TestForeignCertificate(t *testing.T) {
	now := time.Now()
	for name, selfSigned := range map[string]bool{"of an authority": false, "self-signed": true} {
		t.Run(name, func(t *testing.T) {
			// The chart has cert-manager renew it 120 days before its end.
			data := foreign(t, selfSigned, now.Add(120*24*time.Hour))
			assert.False(t, isDue(data, []string{serviceName}, now))
			assert.NoError(t, verifyAll(pairOf(data), [][]byte{trusting(data[caKey], nil)}, now))
			assert.True(t, isDue(foreign(t, selfSigned, now.Add(renewBefore-time.Hour)), []string{serviceName}, now), "nobody renewed it")
		})
	}
	data := foreign(t, false, now.Add(300*24*time.Hour))
	delete(data, caKey)
	assert.True(t, isDue(data, []string{serviceName}, now), "an issuer that does not say its CA is none for a webhook")
}

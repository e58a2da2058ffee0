package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
)

const (
	// lifetime is that of a certificate and its CA. A clock may be behind by clockSkew.
	lifetime  = 365 * 24 * time.Hour
	clockSkew = time.Hour

	// renewBefore leaves an administrator three months to notice that renewals
	// fail.
	renewBefore = 90 * 24 * time.Hour

	authorityName = "rcroll-webhook-ca"
	organization  = "rcroll"
)

// The keys of a Secret of type kubernetes.io/tls.
const (
	certKey    = corev1.TLSCertKey
	privateKey = corev1.TLSPrivateKeyKey
	caKey      = corev1.ServiceAccountRootCAKey
)

var serverAuth = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}

// isDue reports whether a Secret's data has to be renewed: something is missing,
// does not match, expires soon or does not cover all names.
func isDue(data map[string][]byte, names []string, now time.Time) bool {
	for _, name := range names {
		ok, err := rotator.ValidCert(data[caKey], data[certKey], data[privateKey], name, &serverAuth, now.Add(renewBefore))
		if err != nil || !ok {
			return true
		}
	}
	return false
}

// renew returns new data for the Secret.
func renew(names []string, now time.Time) (map[string][]byte, error) {
	issuer := rotator.CertRotator{
		CAName:         authorityName,
		CAOrganization: organization,
		DNSName:        names[0],
		ExtraDNSNames:  names[1:],
		ExtKeyUsages:   &serverAuth,
	}
	begin, end := now.Add(-clockSkew), now.Add(lifetime)
	ca, err := issuer.CreateCACert(begin, end)
	if err != nil {
		return nil, fmt.Errorf("issue a CA: %w", err)
	}
	cert, key, err := issuer.CreateCertPEM(ca, begin, end)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate for %s: %w", names[0], err)
	}
	return map[string][]byte{certKey: cert, privateKey: key, caKey: ca.CertPEM}, nil
}

// trusting returns a bundle of the CA and the first certificate of the given bundle,
// which is the previous CA: no more of them, so that a bundle does not grow.
func trusting(ca, bundle []byte) []byte {
	if bytes.Contains(bundle, ca) {
		return bundle
	}
	return slices.Concat(ca, firstCertificate(bundle))
}

// firstCertificate returns the first certificate of a bundle; nil if there is none.
func firstCertificate(bundle []byte) []byte {
	block, _ := pem.Decode(bundle)
	if block == nil {
		return nil
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})
}

// pairOf returns certificate and key as one PEM text, so that renaming one file
// replaces both.
func pairOf(data map[string][]byte) []byte {
	return slices.Concat(data[certKey], data[privateKey])
}

// verify returns why a client that trusts the bundle would reject the pair.
func verify(pair, bundle []byte, now time.Time) error {
	parsed, err := tls.X509KeyPair(pair, pair)
	if err != nil {
		return fmt.Errorf("parse the certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return errors.New("caBundle contains no certificate")
	}
	if _, err := parsed.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: serverAuth, CurrentTime: now}); err != nil {
		return fmt.Errorf("verify the certificate: %w", err)
	}
	return nil
}

// verifyAll returns why the first client to reject the pair would do so.
func verifyAll(pair []byte, bundles [][]byte, now time.Time) error {
	for i, bundle := range bundles {
		if err := verify(pair, bundle, now); err != nil {
			return fmt.Errorf("webhook %d: %w", i, err)
		}
	}
	return nil
}

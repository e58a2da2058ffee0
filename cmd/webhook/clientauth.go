package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
)

// requireClientCertificate lets nobody send anything who has no certificate of the
// authorities in a file, with one of the names as its common name if there are names.
// The API server shows one where its AdmissionConfiguration says so (docs/security.md).
func requireClientCertificate(caFile string, names []string) (func(*tls.Config), error) {
	authorities := x509.NewCertPool()
	pem, err := os.ReadFile(caFile) //nolint:gosec // the administrator's flag says which
	if err != nil {
		return nil, fmt.Errorf("read --client-ca-file: %w", err)
	}
	if !authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--client-ca-file: %s holds no certificate in PEM", caFile)
	}
	return func(config *tls.Config) {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, authorities
		if len(names) == 0 {
			return
		}
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if !slices.Contains(names, state.PeerCertificates[0].Subject.CommonName) {
				return errors.New("the client certificate is not one of --client-allowed-names")
			}
			return nil
		}
	}, nil
}

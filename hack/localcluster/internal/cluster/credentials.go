package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/rcroll/rcroll/hack/localcluster/internal/pki"
)

// auditPolicy logs who made which request, without bodies.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`

func (c *Cluster) auditPolicyFile() string { return filepath.Join(c.dir, "audit-policy.yaml") }

// issueCredentials creates all certificates and kubeconfigs, once in the life of the cluster.
// The admin's kubeconfig comes last, so that its presence means that the others are there.
func (c *Cluster) issueCredentials() error {
	if _, err := os.Stat(c.Kubeconfig()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(c.pkiFile(""), 0o700); err != nil {
		return fmt.Errorf("creating the certificate directory: %w", err)
	}
	ca, err := pki.NewAuthority("localcluster")
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.pkiFile("ca.crt"), ca.Cert(), 0o644); err != nil {
		return fmt.Errorf("writing the CA certificate: %w", err)
	}
	server, err := ca.Server("kube-apiserver", []string{
		"127.0.0.1", "localhost", "10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
	})
	if err != nil {
		return err
	}
	tokens, err := pki.KeyPair()
	if err != nil {
		return err
	}
	if err := errors.Join(server.Write(c.pkiFile(""), "apiserver"), tokens.Write(c.pkiFile(""), "service-account")); err != nil {
		return err
	}
	if err := os.WriteFile(c.auditPolicyFile(), []byte(auditPolicy), 0o644); err != nil {
		return fmt.Errorf("writing the audit policy: %w", err)
	}
	return c.writeClientKubeconfigs(ca)
}

func (c *Cluster) writeClientKubeconfigs(ca *pki.Authority) error {
	for _, client := range []struct {
		file, user string
		groups     []string
	}{
		{c.componentKubeconfig(controllerManagerName), "system:kube-controller-manager", nil},
		{c.componentKubeconfig(schedulerName), "system:kube-scheduler", nil},
		{c.componentKubeconfig(kwokName), "kwok", []string{"system:masters"}}, // it plays every node
		{c.Kubeconfig(), "admin", []string{"system:masters"}},
	} {
		pair, err := ca.Client(client.user, client.groups...)
		if err != nil {
			return err
		}
		auth := &clientcmdapi.AuthInfo{ClientCertificateData: pair.Cert, ClientKeyData: pair.Key}
		if err := c.writeKubeconfig(client.file, "default", auth); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) writeKubeconfig(file, namespace string, auth *clientcmdapi.AuthInfo) error {
	ca, err := os.ReadFile(c.pkiFile("ca.crt"))
	if err != nil {
		return fmt.Errorf("reading the CA certificate: %w", err)
	}
	const name = "local"
	config := clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{
			name: {Server: "https://" + c.address(apiServerPort), CertificateAuthorityData: ca},
		},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: auth},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name, Namespace: namespace}},
		CurrentContext: name,
	}
	if err := clientcmd.WriteToFile(config, file); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

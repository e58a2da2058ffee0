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

// The client certificate of the API server towards the webhook, as docs/security.md recommends it.
const (
	webhookClientCA   = "webhook-client-ca.crt"
	webhookClient     = "webhook-client"
	webhookClientName = "kube-apiserver-webhook-client"

	// admissionConfiguration names the kubeconfig with it.
	admissionConfiguration = `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: MutatingAdmissionWebhook
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: WebhookAdmissionConfiguration
    kubeConfigFile: %s
`
)

func (c *Cluster) admissionConfigurationFile() string { return filepath.Join(c.dir, "admission.yaml") }

// issueWebhookClientCertificate writes the certificate and the files that name it, once in the life of the cluster. It is of
// an authority of its own, from which nobody else has one.
func (c *Cluster) issueWebhookClientCertificate() error {
	if _, err := os.Stat(c.admissionConfigurationFile()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	ca, err := pki.NewAuthority(webhookClient + "-ca")
	if err != nil {
		return err
	}
	pair, err := ca.Client(webhookClientName)
	if err != nil {
		return err
	}
	if err := pair.Write(c.pkiFile(""), webhookClient); err != nil {
		return err
	}
	if err := os.WriteFile(c.pkiFile(webhookClientCA), ca.Cert(), 0o644); err != nil {
		return fmt.Errorf("writing the CA of the webhook's clients: %w", err)
	}
	// The user is the one for the webhook's host: the API server looks it up by that.
	kubeconfig := filepath.Join(c.dir, "webhooks.kubeconfig")
	config := clientcmdapi.Config{AuthInfos: map[string]*clientcmdapi.AuthInfo{
		c.webhookHost(): {ClientCertificate: c.pkiFile(webhookClient + ".crt"), ClientKey: c.pkiFile(webhookClient + ".key")},
	}}
	if err := clientcmd.WriteToFile(config, kubeconfig); err != nil {
		return fmt.Errorf("writing %s: %w", kubeconfig, err)
	}
	if err := os.WriteFile(c.admissionConfigurationFile(), fmt.Appendf(nil, admissionConfiguration, kubeconfig), 0o644); err != nil {
		return fmt.Errorf("writing the admission configuration: %w", err)
	}
	return nil
}

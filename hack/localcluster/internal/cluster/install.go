package cluster

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	sigsyaml "sigs.k8s.io/yaml"
)

// shippedNamespace is where rcroll's manifests install.
const shippedNamespace = "rcroll-system"

// namespace is where rcroll is installed here.
func (c *Cluster) namespace() string { return cmp.Or(c.state.Namespace, shippedNamespace) }

// upRcroll applies the manifests, and runs webhook and agent as processes, since pods are simulated here. They have the
// permissions of their ServiceAccounts, and no others.
func (c *Cluster) upRcroll(ctx context.Context, progress func(string, ...any)) error {
	configurations, leftOut, err := c.install(ctx)
	if err != nil {
		return err
	}
	progress("rcroll's manifests are applied")
	if len(leftOut) > 0 {
		progress("without these, which the API server does not serve: %s", strings.Join(leftOut, ", "))
	}
	for _, name := range []string{webhookName, agentName} {
		if err := c.ensureToken(ctx, name); err != nil {
			return err
		}
		if err := c.refresh(ctx, name); err != nil {
			return err
		}
		progress("%s is ready", name)
	}
	if err := c.awaitAdmission(ctx, configurations); err != nil {
		return err
	}
	progress("the API server calls the webhook")
	return nil
}

// wholeValue is the namespace where it is all of a value: some names (y, on) are no strings in YAML unless they are quoted.
var wholeValue = regexp.MustCompile(`(?m): ` + shippedNamespace + `$`)

// inNamespace moves manifests to another namespace, as docs/install.md says.
func inNamespace(manifests []byte, namespace string) []byte {
	manifests = wholeValue.ReplaceAll(manifests, fmt.Appendf(nil, ": %q", namespace))
	return bytes.ReplaceAll(manifests, []byte(shippedNamespace), []byte(namespace))
}

// install applies the local overlay, with the webhook's URL in place of its Service: the API server of this cluster
// reaches processes, not pods. It returns the names of the webhook configurations, and the kinds that it left out.
func (c *Cluster) install(ctx context.Context) (names, leftOut []string, _ error) {
	overlay := filepath.Join(c.root, "manifests", "overlays", "local")
	rendered, err := c.kubectl(ctx, "kustomize", overlay)
	if err != nil {
		return nil, nil, err
	}
	rendered, leftOut, err = c.served(rendered)
	if err != nil {
		return nil, nil, err
	}
	configurations, err := webhookConfigurations(rendered)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(c.dir, "install")
	if err := c.writeKustomization(dir, inNamespace(rendered, c.namespace()), configurations); err != nil {
		return nil, nil, err
	}
	_, err = c.kubectl(ctx, "apply", "--server-side", "--force-conflicts", "--field-manager=localcluster", "-k", dir)
	for i := range configurations {
		names = append(names, configurations[i].Name)
	}
	return names, leftOut, err
}

// webhookConfigurations returns the mutating webhook configurations in a stream of manifests.
func webhookConfigurations(manifests []byte) ([]admissionv1.MutatingWebhookConfiguration, error) {
	var found []admissionv1.MutatingWebhookConfiguration
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), len(manifests))
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		var meta metav1.TypeMeta
		if err == nil {
			err = json.Unmarshal(raw, &meta)
		}
		if err == nil && meta.Kind == "MutatingWebhookConfiguration" {
			var configuration admissionv1.MutatingWebhookConfiguration
			err = json.Unmarshal(raw, &configuration)
			found = append(found, configuration)
		}
		if err != nil {
			return nil, fmt.Errorf("parsing the manifests: %w", err)
		}
	}
}

// jsonPatch is one operation of RFC 6902.
type jsonPatch struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// manifestsFile is beside the kustomization that is applied.
const manifestsFile = "rcroll.yaml"

func (c *Cluster) writeKustomization(dir string, manifests []byte, configurations []admissionv1.MutatingWebhookConfiguration) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("creating %s: %w", dir, err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifestsFile), manifests, 0o644); err != nil {
		return fmt.Errorf("writing the manifests: %w", err)
	}
	var patches []any
	for i := range configurations {
		patch, err := c.urlPatch(&configurations[i])
		if err != nil {
			return err
		}
		patches = append(patches, map[string]any{
			"target": map[string]string{"kind": "MutatingWebhookConfiguration", "name": configurations[i].Name},
			"patch":  patch,
		})
	}
	content, err := sigsyaml.Marshal(map[string]any{
		"apiVersion":  "kustomize.config.k8s.io/v1beta1",
		"kind":        "Kustomization",
		"resources":   []string{manifestsFile},
		"patches":     patches,
		"sortOptions": map[string]string{"order": "legacy"}, // the namespace first, the webhooks last
	})
	if err != nil {
		return fmt.Errorf("encoding the kustomization: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), content, 0o644); err != nil {
		return fmt.Errorf("writing the kustomization: %w", err)
	}
	return nil
}

// urlPatch points every webhook to the local process, at the path of its Service reference.
func (c *Cluster) urlPatch(configuration *admissionv1.MutatingWebhookConfiguration) (string, error) {
	var patch []jsonPatch
	for i, w := range configuration.Webhooks {
		u := url.URL{Scheme: "https", Host: c.webhookHost()}
		if service := w.ClientConfig.Service; service != nil {
			u.Path = ptr.Deref(service.Path, "")
		}
		patch = append(patch, jsonPatch{
			Op:    "replace",
			Path:  fmt.Sprintf("/webhooks/%d/clientConfig", i),
			Value: map[string]string{"url": u.String()},
		})
	}
	content, err := json.Marshal(patch)
	if err != nil {
		return "", fmt.Errorf("encoding the patch of %s: %w", configuration.Name, err)
	}
	return string(content), nil
}

// kubectl runs this executable's kubectl as the administrator.
func (c *Cluster) kubectl(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.self)
	cmd.Args = append([]string{"kubectl"}, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "KUBERC=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

// ensureToken writes the kubeconfig of a component of rcroll, unless it is running and therefore has a valid one.
func (c *Cluster) ensureToken(ctx context.Context, name string) error {
	running, err := c.procs.Running(name)
	if err != nil || running {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	account := "rcroll-" + name
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: ptr.To(int64(tokenLifetime.Seconds())),
	}}
	namespace := c.namespace()
	token, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("requesting a token for %s/%s: %w", namespace, account, err)
	}
	return c.writeKubeconfig(c.componentKubeconfig(name), namespace, &clientcmdapi.AuthInfo{Token: token.Status.Token})
}

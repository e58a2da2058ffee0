package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

const root = "../../.."

// makeNamespace makes one like that of manifests/base.
func makeNamespace(t *testing.T, name string) {
	t.Helper()
	_, err := harness.Cluster(t).Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted",
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// apply applies manifests as a user would, and expects no warning.
func apply(t *testing.T, manifests string, flags ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "install.yaml")
	require.NoError(t, os.WriteFile(file, []byte(manifests), 0o600))
	_, stderr := kubectl(t, append([]string{"apply", "--server-side", "--validate=strict", "-f", file}, flags...)...)
	assert.Empty(t, stderr)
}

// TestDryRun: the API server takes all of manifests/base, field by field, without a
// warning; nothing is installed.
func TestDryRun(t *testing.T) {
	harness.Since(t, 36, "MutatingAdmissionPolicy")
	harness.Cluster(t)
	manifests, _ := kubectl(t, "kustomize", root+"/manifests/base")
	makeNamespace(t, "rcroll-system") // a dry run makes none, and all else is in it
	apply(t, manifests, "--dry-run=server", "--force-conflicts")

	// What needs no resource definitions of others.
	for name, values := range map[string]string{
		"a provider's choices": "{openshift: true, aks: true, hashKey: rcroll.dev/hash, webhook: {port: 10260, hostNetwork: true}, priorityClass: {name: ''}}",
		"an administrator's": "{optIn: true, trigger: template, logLevel: debug, webhook: {replicas: 1}, image: {pullSecrets: [{name: creds}]}, " +
			"networkPolicy: {webhookFrom: [{ipBlock: {cidr: 192.0.2.0/28}}]}, nodeSelector: {pool: system}, tolerations: [{operator: Exists}]}",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "install.yaml")
			require.NoError(t, os.WriteFile(file, []byte(chart(t, "rcroll-system", "-values="+values)), 0o600))
			_, stderr := kubectl(t, "apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", file)
			for line := range strings.Lines(stderr) {
				assert.Contains(t, line, "PodSecurity", "warnings but those of the host network")
			}
		})
	}
}

// chart renders the chart as another release in another namespace.
func chart(t *testing.T, namespace string, flags ...string) string {
	t.Helper()
	command := exec.Command("go", append([]string{"run", "./render", "-release=other", "-namespace=" + namespace, "-kube-version=v1.37.2"}, flags...)...)
	command.Dir = root + "/test/helm"
	manifests, _ := output(t, command)
	return manifests
}

// TestAnotherNamespace: the chart, as another release in another namespace, applies; its
// pods are admitted there; webhook and agent, with the accounts and flags that they have
// there, carry out a rollout; and an agent that does not belong to them says so.
func TestAnotherNamespace(t *testing.T) {
	harness.Since(t, 36, "MutatingAdmissionPolicy")
	const namespace = "y"
	client := harness.Cluster(t).Client
	makeNamespace(t, namespace)
	port := harness.FreePort(t)
	manifests := []byte(chart(t, namespace))
	deployments, err := harness.Deployments(manifests)
	require.NoError(t, err)
	require.Len(t, deployments, 2)
	manifests, err = harness.WithURL(manifests, port)
	require.NoError(t, err)
	apply(t, string(manifests))
	kubectl(t, "-n", namespace, "rollout", "status", "--timeout=60s", "deployment/rcroll-webhook", "deployment/rcroll-agent")

	// What the pods of the simulated nodes would do. --namespace is what the token of a pod says.
	flags := func(program string) []string {
		args := deployments["rcroll-"+program].Spec.Template.Spec.Containers[0].Args
		return append(args, "--namespace="+namespace, "--kubeconfig="+harness.TokenKubeconfig(t, namespace, "rcroll-"+program))
	}
	webhook := harness.Start(t, harness.Webhook, append(flags(harness.Webhook),
		"--cert-dir="+t.TempDir(), "--bind-address=127.0.0.1", "--port="+port, "--extra-dns-name=localhost")...)
	webhook.AwaitReady()
	agent := harness.Start(t, harness.Agent, flags(harness.Agent)...)
	agent.AwaitReady()

	t.Run("a rollout", func(t *testing.T) {
		s := harness.Given(t, manifest.Tomcat(t))
		s.SetImage("tomcat=tomcat:8")
		s.AwaitRollout("tomcat:8", 5)
		s.Expect(harness.SurgeOne(5))
	})
	t.Run("another hash key", func(t *testing.T) {
		other := harness.Start(t, harness.Agent, append(flags(harness.Agent), "--hash-label-key=rcroll.dev/hash")...)
		other.AwaitLog("the webhook has --hash-label-key=deployment, this agent rcroll.dev/hash")
		expectUnready(t, other)
	})
	t.Run("the account of another namespace", func(t *testing.T) {
		account := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "rcroll-agent"}
		_, err := client.CoreV1().ServiceAccounts(account.Namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account.Name}}, metav1.CreateOptions{})
		require.NoError(t, err)
		_, err = client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "other-agent"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects:   []rbacv1.Subject{account},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		other := harness.Start(t, harness.Agent, "--namespace=default", "--kubeconfig="+harness.TokenKubeconfig(t, account.Namespace, account.Name))
		other.AwaitLog("the webhook takes system:serviceaccount:y:rcroll-agent for the agent, but this agent is system:serviceaccount:default:rcroll-agent")
		other.AwaitLog("no admission policy of rcroll knows this agent")
		expectUnready(t, other)
	})
	assert.True(t, agent.Ready(), "the agent that belongs there stays ready")
}

// expectUnready fails the test if the program becomes ready, with its cache long in sync.
func expectUnready(t *testing.T, p *harness.Process) {
	t.Helper()
	assert.Never(t, p.Ready, 3*time.Second, 100*time.Millisecond)
}

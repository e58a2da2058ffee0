package helm

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// TestHelm: installed, used, upgraded and uninstalled in the middle of a rollout, by each of
// both, one after the other: there is one rcroll in a cluster. Helm waits and warns of nothing.
func TestHelm(t *testing.T) {
	for _, name := range []string{"helm3", "helm4"} {
		t.Run(name, func(t *testing.T) {
			namespace := name + "-y"
			port := harness.FreePort(t)
			h := newHelm(t, name, port)
			h.run("install", "x", chart, "-n", namespace, "--create-namespace", "--wait", "--post-renderer", h.postRenderer)
			webhook := runWebhook(t, namespace, port)
			harness.Start(t, harness.Agent, flags(t, namespace, harness.Agent)...).AwaitReady()

			s := harness.Given(t, manifest.Tomcat(t))
			s.SetImage("tomcat=tomcat:8")
			s.AwaitRollout("tomcat:8", 5)
			s.Expect(harness.SurgeOne(5))

			trusted := caBundle(t)
			h.run("upgrade", "x", chart, "-n", namespace, "--wait", "--post-renderer", h.postRenderer,
				"--set", "trigger=template")
			assert.Equal(t, trusted, caBundle(t), "the webhook serves all along")
			webhook.Stop() // only its flags have changed
			runWebhook(t, namespace, port)
			s.Kubectl("set", "env", s.Ref(), "UPGRADED=yes")

			s.AwaitEvent("Scaling tomcat down to 4")
			uninstall(t, h, namespace)
			s.Await("it has ended", harness.Serves("tomcat:8", 5))
			env := s.Stored().Spec.Template.Spec.Containers[0].Env
			require.Len(t, env, 1, "with what was asked for")
			assert.Equal(t, "UPGRADED", env[0].Name)
			expectNothingOf(s)
			out := s.Kubectl("get", "clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingadmissionpolicies,"+
				"validatingadmissionpolicybindings,mutatingadmissionpolicies,mutatingadmissionpolicybindings,flowschemas,prioritylevelconfigurations", "-l", "app.kubernetes.io/name=rcroll", "-o", "name")
			assert.Empty(t, out.Stdout)
			s.Kubectl("delete", "crd", "rolloutpolicies.rcroll.dev") // docs/install.md: it is kept
		})
	}
}

func caBundle(t *testing.T) []byte {
	t.Helper()
	found, err := harness.Cluster(t).Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), "rcroll", metav1.GetOptions{})
	require.NoError(t, err)
	require.NotEmpty(t, found.Webhooks[0].ClientConfig.CABundle)
	return found.Webhooks[0].ClientConfig.CABundle
}

// flags are those of a Deployment, whose pods the nodes only simulate. --namespace is what
// the token of a pod says.
func flags(t *testing.T, namespace, program string) []string {
	t.Helper()
	deployment, err := harness.Cluster(t).Client.AppsV1().Deployments(namespace).Get(t.Context(), "rcroll-"+program, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, *deployment.Spec.Replicas, deployment.Status.AvailableReplicas, "helm has waited")
	return append(deployment.Spec.Template.Spec.Containers[0].Args,
		"--namespace="+namespace, "--kubeconfig="+harness.TokenKubeconfig(t, namespace, "rcroll-"+program))
}

func runWebhook(t *testing.T, namespace, port string) *harness.Process {
	t.Helper()
	webhook := harness.Start(t, harness.Webhook, append(flags(t, namespace, harness.Webhook),
		"--cert-dir="+t.TempDir(), "--bind-address=127.0.0.1", "--port="+port, "--extra-dns-name=localhost")...)
	webhook.AwaitReady()
	return webhook
}

// uninstall plays the kubelet of the hook's pod: it runs the program with the pod's
// arguments and account, and says how that ended.
func uninstall(t *testing.T, h helm, namespace string) {
	t.Helper()
	uninstalled := h.start("uninstall", "x", "-n", namespace, "--wait")
	client := harness.Cluster(t).Client.CoreV1()
	var pod corev1.Pod
	require.Eventually(t, func() bool {
		found, err := client.Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=drain"})
		if err != nil || len(found.Items) == 0 {
			return false
		}
		pod = found.Items[0]
		return pod.Status.Phase == corev1.PodRunning
	}, harness.Patience, 100*time.Millisecond)
	args := append(pod.Spec.Containers[0].Args, "--kubeconfig="+harness.TokenKubeconfig(t, namespace, pod.Spec.ServiceAccountName))
	output, err := exec.CommandContext(t.Context(), harness.Cluster(t).Program(harness.Agent), args...).CombinedOutput()
	require.NoError(t, err, "%s", output)
	t.Logf("%s\n%s", strings.Join(args, " "), output)
	ended := []byte(`{"status":{"phase":"Succeeded","conditions":[{"type":"Ready","status":"False","reason":"PodCompleted"}]}}`)
	_, err = client.Pods(namespace).Patch(t.Context(), pod.Name, types.StrategicMergePatchType, ended, metav1.PatchOptions{}, "status")
	require.NoError(t, err)
	out, err := uninstalled()
	require.NoError(t, err)
	assert.Contains(t, out, "uninstalled")
}

// expectNothingOf rcroll at what is left: one ReplicationController, and its pods.
func expectNothingOf(s *harness.Scenario) {
	s.Helper()
	rcs, err := s.RCs().List(context.Background(), metav1.ListOptions{})
	require.NoError(s, err)
	require.Len(s, rcs.Items, 1)
	pods, err := s.Cluster.Client.CoreV1().Pods(s.Namespace).List(context.Background(), metav1.ListOptions{})
	require.NoError(s, err)
	assert.Len(s, pods.Items, 5)
	rc := rcs.Items[0]
	all := []map[string]string{rc.Labels, rc.Annotations, rc.Spec.Selector, rc.Spec.Template.Labels, rc.Spec.Template.Annotations}
	for _, pod := range pods.Items {
		all = append(all, pod.Labels, pod.Annotations)
	}
	for _, keys := range all {
		for key := range keys {
			assert.False(s, strings.HasPrefix(key, api.Prefix), key)
		}
	}
	assert.False(s, slices.ContainsFunc(rc.Finalizers, func(f string) bool { return strings.HasPrefix(f, api.Prefix) }))
}

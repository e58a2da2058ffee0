package rights

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
	"github.com/rcroll/rcroll/test/rights"
)

// Nothing depends on the namespace as much as the rights do, so these tests have another
// one than all others. (A name that is a boolean in YAML 1.1, besides.)
func TestMain(m *testing.M) { harness.MainIn(m, "y") }

const (
	// streamed: the first answer to a watch has all objects. A client lists where an API
	// server cannot do that.
	streamed = "for API servers before 1.34, which do not stream lists"

	// pruned: TestHistoryIsPruned, which has a limit of its own, makes so many.
	pruned = "for revisions beyond --revision-history-limit, of which there are fewer here"

	// unasked: the API server asks by itself for whom it admits, which no log tells.
	unasked = "for the admission plugin OwnerReferencesPermissionEnforcement, which is not enabled here"
)

// reasons are those for rights that no request uses here.
var reasons = map[string]map[string]string{
	"rcroll-agent": {
		"list replicationcontrollers":              streamed,
		"list rolloutpolicies.rcroll.dev":          streamed,
		"list namespaces":                          streamed,
		"delete controllerrevisions.apps":          pruned,
		"update replicationcontrollers/finalizers": unasked,
		"patch events":                             "when an event comes again, which it seldom does",
	},
	"rcroll-webhook": {
		"update replicationcontrollers/finalizers":                               unasked,
		"list mutatingwebhookconfigurations.admissionregistration.k8s.io rcroll": streamed,
		"list secrets rcroll-webhook-cert":                                       streamed,
		"list rolloutpolicies.rcroll.dev":                                        streamed,
		"list namespaces":                                                        streamed,
	},
	"rcroll-drain": {},
}

// TestRights: what rcroll does for edits by all kinds of clients, for pods that finish, at
// a renewal of its certificate, when its metrics are read, and when it is drained, takes
// exactly the rights that its accounts have.
func TestRights(t *testing.T) {
	harness.Since(t, 36, "constrained impersonation")
	t.Run("use", func(t *testing.T) {
		for name, c := range editors {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				edit(t, c)
			})
		}
		t.Run("a pod finishes", evict)
		t.Run("the certificate is lost", renew)
		t.Run("metrics are read", scrape)
		t.Run("a policy comes", govern)
	})
	drain(t)
	for account, reasons := range reasons {
		granted, err := rights.Granted(rules(t, account))
		require.NoError(t, err)
		require.NotEmpty(t, granted)
		events := audited(t, harness.Account(account))
		require.NotEmpty(t, events)
		for _, problem := range rights.Compare(granted, events, reasons) {
			t.Errorf("%s: %s", account, problem)
		}
	}
}

// editor edits and scales, by patches or, who may not patch, by updates.
type editor struct {
	as   rest.ImpersonationConfig
	verb string
}

var editors = map[string]editor{
	"an administrator, whom nobody impersonates": {verb: "patch"},
	"a user patches": {rest.ImpersonationConfig{UserName: "jane", UID: "1", Groups: []string{"web"}, Extra: map[string][]string{
		"authentication.kubernetes.io/credential-id": {"a"}, "authentication.kubernetes.io/issued-credential-id": {"b"},
		"authentication.kubernetes.io/node-name": {"c"}, "authentication.kubernetes.io/node-uid": {"d"},
		"authentication.kubernetes.io/pod-name": {"e"}, "authentication.kubernetes.io/pod-uid": {"f"},
	}}, "patch"},
	"a user updates":           {rest.ImpersonationConfig{UserName: "joe"}, "update"},
	"a ServiceAccount patches": {rest.ImpersonationConfig{UserName: "system:serviceaccount:default:deployer"}, "patch"},
	"a ServiceAccount updates": {rest.ImpersonationConfig{UserName: "system:serviceaccount:default:operator"}, "update"},
}

func edit(t *testing.T, e editor) {
	s := harness.Given(t, manifest.Tomcat(t, manifest.Replicas(3)))
	if e.as.UserName != "" {
		harness.Grant(t, s.Namespace, e.as.UserName, rbacv1.PolicyRule{APIGroups: []string{""},
			Resources: []string{"replicationcontrollers", "replicationcontrollers/scale"}, Verbs: []string{"get", e.verb}})
	}
	config := rest.CopyConfig(s.Cluster.Config)
	config.Impersonate = e.as
	rcs := harness.Client(t, config).CoreV1().ReplicationControllers(s.Namespace)
	require.NoError(t, retry.RetryOnConflict(retry.DefaultRetry, func() error { return setImage(s.Context(), rcs, s.RCName, e.verb) }))
	require.NoError(t, retry.RetryOnConflict(retry.DefaultRetry, func() error { return scale(s.Context(), rcs, s.RCName, e.verb) }))
	s.AwaitRollout("tomcat:8", 4)
}

// govern waits until the agent has said what it makes of a policy.
func govern(t *testing.T) {
	t.Parallel()
	s := harness.NewScenario(t, "tomcat")
	s.KubectlWithInput(`{"apiVersion":"rcroll.dev/v1alpha1","kind":"RolloutPolicy","metadata":{"name":"`+s.Namespace+`"},`+
		`"spec":{"selector":{"matchLabels":{"app":"none"}},"maxConcurrentRollouts":1}}`, "create", "-f", "-")
	s.Kubectl("wait", "rolloutpolicy/"+s.Namespace, "--for=condition=Accepted", "--timeout=30s")
}

func setImage(ctx context.Context, rcs clientv1.ReplicationControllerInterface, name, verb string) error {
	if verb == "patch" {
		patch := []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}}`)
		_, err := rcs.Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		return err
	}
	modify := func(rc *corev1.ReplicationController) { rc.Spec.Template.Spec.Containers[0].Image = "tomcat:8" }
	return harness.Update(ctx, rcs, name, modify, metav1.UpdateOptions{})
}

func scale(ctx context.Context, rcs clientv1.ReplicationControllerInterface, name, verb string) error {
	if verb == "patch" {
		_, err := rcs.Patch(ctx, name, types.MergePatchType, []byte(`{"spec":{"replicas":4}}`), metav1.PatchOptions{}, "scale")
		return err
	}
	return harness.UpdateScale(ctx, rcs, name, 4)
}

func evict(t *testing.T) {
	t.Parallel()
	s := harness.Given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Kubectl("patch", "pod", s.Now().WithImage("tomcat:8")[0].Name, "--subresource=status", "-p", `{"status":{"phase":"Failed","reason":"Evicted"}}`)
	s.Await("the rollout is over", func(m observe.Moment) bool {
		return m.RC.Image == "tomcat:8" && !harness.Pending(m) && len(m.Owned()) == 0
	})
}

func renew(t *testing.T) {
	t.Parallel()
	secrets := harness.Cluster(t).Client.CoreV1().Secrets(harness.SystemNamespace())
	emptied, err := secrets.Patch(t.Context(), "rcroll-webhook-cert", types.MergePatchType, []byte(`{"data":{"tls.crt":"","tls.key":"","ca.crt":""}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		secret, err := secrets.Get(t.Context(), emptied.Name, metav1.GetOptions{})
		return err == nil && len(secret.Data["tls.crt"]) > 0
	}, harness.Patience, 100*time.Millisecond)
}

func scrape(t *testing.T) {
	t.Parallel()
	token := harness.TokenOf(t, metav1.NamespaceDefault, "scraper")
	for _, component := range []string{harness.Agent, harness.Webhook} {
		assert.Equal(t, 403, harness.Scrape(t, harness.ServeMetrics(t, component), token), component)
	}
}

// drain runs with the rights of the chart's Job, whose pod is a simulated one.
func drain(t *testing.T) {
	s := harness.Given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:bad")
	s.AwaitEvent("Created tomcat-")
	render := exec.CommandContext(t.Context(), "go", "run", "./render", "-hooks", "-namespace="+harness.SystemNamespace())
	render.Dir = "../../helm"
	hooks, err := render.Output()
	require.NoError(t, err)
	s.KubectlWithInput(string(hooks), "--namespace="+harness.SystemNamespace(), "apply", "-f", "-")
	command := exec.CommandContext(harness.Context(t), s.Cluster.Program(harness.Agent), "drain", "--patience=0s",
		"--delete-webhook-configuration=rcroll", "--kubeconfig="+harness.TokenKubeconfig(t, harness.SystemNamespace(), "rcroll-drain"))
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// rules are those of the roles that an account is bound to.
func rules(t *testing.T, account string) []rbacv1.PolicyRule {
	t.Helper()
	client := harness.Cluster(t).Client.RbacV1()
	bound := func(subjects []rbacv1.Subject) bool {
		return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool { return s.Name == account && s.Namespace == harness.SystemNamespace() })
	}
	var found []rbacv1.PolicyRule
	cluster, err := client.ClusterRoleBindings().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, binding := range cluster.Items {
		if bound(binding.Subjects) {
			role, err := client.ClusterRoles().Get(t.Context(), binding.RoleRef.Name, metav1.GetOptions{})
			require.NoError(t, err)
			found = append(found, role.Rules...)
		}
	}
	namespaced, err := client.RoleBindings(harness.SystemNamespace()).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, binding := range namespaced.Items {
		if bound(binding.Subjects) {
			role, err := client.Roles(harness.SystemNamespace()).Get(t.Context(), binding.RoleRef.Name, metav1.GetOptions{})
			require.NoError(t, err)
			found = append(found, role.Rules...)
		}
	}
	return found
}

// audited are the requests of a user.
func audited(t *testing.T, user string) []rights.Event {
	t.Helper()
	content, err := os.ReadFile(harness.Cluster(t).LogFile("audit"))
	require.NoError(t, err)
	var found []rights.Event
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content))
	for lines.Scan() {
		var event rights.Event
		require.NoError(t, json.Unmarshal(lines.Bytes(), &event))
		if event.User.Username == user {
			found = append(found, event)
		}
	}
	require.NoError(t, lines.Err())
	return found
}

package policies

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

func TestMain(m *testing.M) { harness.Main(m) }

// hash looks like that of a template.
const hash = "0123456789abcdef0123456789abcdef"

// config has the token of the agent or the webhook, and with it the permissions of that
// ServiceAccount.
func config(t *testing.T, component string) *rest.Config { return harness.TokenConfig(t, component) }

func client(t *testing.T, config *rest.Config) kubernetes.Interface {
	t.Helper()
	return harness.Client(t, config)
}

// user is somebody who may do in one namespace what the rule says, and nothing else.
func user(t *testing.T, namespace, name string, rule rbacv1.PolicyRule) kubernetes.Interface {
	t.Helper()
	harness.Grant(t, namespace, name, rule)
	return inItsName(t, name)
}

// inItsName is the client of a user or a ServiceAccount.
func inItsName(t *testing.T, name string) kubernetes.Interface {
	t.Helper()
	return client(t, harness.ConfigOf(t, name))
}

// rcRule allows all that a user may do with ReplicationControllers.
func rcRule(resources ...string) rbacv1.PolicyRule { return harness.RCRule(resources...) }

// namespace makes one of its own for a test that needs no pods.
func namespace(t *testing.T, labels map[string]string) string {
	t.Helper()
	namespaces := harness.Cluster(t).Client.CoreV1().Namespaces()
	made, err := namespaces.Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-", Labels: labels},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = namespaces.Delete(context.Background(), made.Name, metav1.DeleteOptions{})
	})
	return made.Name
}

// create stores a ReplicationController as the administrator.
func create(t *testing.T, namespace string, rc *corev1.ReplicationController) *corev1.ReplicationController {
	t.Helper()
	created, err := harness.Cluster(t).Client.CoreV1().ReplicationControllers(namespace).Create(t.Context(), rc, metav1.CreateOptions{})
	require.NoError(t, err)
	return created
}

// sealedFor makes of a ReplicationController what the agent creates.
func sealedFor(owner *corev1.ReplicationController) func(*corev1.ReplicationController) {
	return func(rc *corev1.ReplicationController) {
		rc.Name = owner.Name + "-" + hash
		rc.Labels = map[string]string{api.RollingLabel: api.True}
		rc.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, api.GroupVersionKind)}
		for _, labels := range []map[string]string{rc.Spec.Selector, rc.Spec.Template.Labels} {
			labels[api.SealedLabel] = hash
		}
	}
}

// expectForbidden fails the test unless a policy refused, in these words.
func expectForbidden(t *testing.T, err error, policy, says string) {
	t.Helper()
	if assert.True(t, apierrors.IsForbidden(err), "%v", err) {
		assert.ErrorContains(t, err, "ValidatingAdmissionPolicy '"+policy+"'")
		assert.ErrorContains(t, err, says)
	}
}

// tomcat rolls slowly enough to be met half-way.
func tomcat(t *testing.T) manifest.RC {
	return manifest.Tomcat(t, manifest.Annotated(api.UpdatePeriodAnnotation, "2s"))
}

func jsonOf(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}

// pausedHalfway is in the middle of a rollout, with pods of both templates, and nobody
// works on it.
func pausedHalfway(t *testing.T) *harness.Scenario {
	t.Helper()
	s := harness.Given(t, tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Pause(1)
	return s
}

package harness

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// TokenConfig has the token of the agent or the webhook, and with it the permissions of
// that ServiceAccount.
func TokenConfig(t *testing.T, component string) *rest.Config {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(Cluster(t).Dir, component+".kubeconfig"))
	require.NoError(t, err)
	config.WarningHandler = rest.NoWarnings{}
	config.QPS = -1
	return config
}

// ConfigOf is that of a user or a ServiceAccount.
func ConfigOf(t *testing.T, user string) *rest.Config {
	t.Helper()
	config := rest.CopyConfig(Cluster(t).Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user}
	return config
}

// Client is a client with that configuration.
func Client(t *testing.T, config *rest.Config) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return client
}

// Grant makes a role of the rules for a user in one namespace, and returns when the API
// server knows of it.
func Grant(t *testing.T, namespace, user string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	admin := Cluster(t).Client.RbacV1()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: rules}
	_, err := admin.Roles(namespace).Create(t.Context(), role, metav1.CreateOptions{})
	require.NoError(t, err)
	bind(t, namespace, user, "Role", user)
	awaitRight(t, namespace, user, rules[len(rules)-1])
}

// GrantClusterRole gives a user a role of the cluster in one namespace.
func GrantClusterRole(t *testing.T, namespace, user, role string) {
	t.Helper()
	bind(t, namespace, user, "ClusterRole", role)
}

func bind(t *testing.T, namespace, user, kind, role string) {
	t.Helper()
	_, err := Cluster(t).Client.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bind-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func awaitRight(t *testing.T, namespace, user string, rule rbacv1.PolicyRule) {
	resource, subresource, _ := strings.Cut(rule.Resources[len(rule.Resources)-1], "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: rule.Verbs[0], Group: rule.APIGroups[0], Resource: resource, Subresource: subresource,
		},
	}}
	reviews := Cluster(t).Client.AuthorizationV1().SubjectAccessReviews()
	require.Eventually(t, func() bool {
		answer, err := reviews.Create(t.Context(), review, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed
	}, Patience, 50*time.Millisecond)
}

// RCRule allows all that a user may do with ReplicationControllers, or their
// subresources.
func RCRule(resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{""}, Resources: resources, Verbs: []string{"*"}}
}

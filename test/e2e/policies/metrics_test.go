package policies

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/test/e2e/harness"
)

// TestMetricsAreGuarded: the metrics that pods can reach are for those who may read them, as
// far as the programs' own permissions go to find that out.
func TestMetricsAreGuarded(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	scraper, other := harness.TokenOf(t, ns, "scraper"), harness.TokenOf(t, ns, "other")
	mayReadMetrics(t, ns, "scraper")
	for _, component := range []string{harness.Agent, harness.Webhook} {
		address := harness.ServeMetrics(t, component)
		for what, c := range map[string]struct {
			token string
			code  int
		}{
			"nobody":               {"", http.StatusUnauthorized},
			"a token of nobody's":  {"x", http.StatusInternalServerError}, // so controller-runtime answers
			"somebody":             {other, http.StatusForbidden},
			"the program itself":   {config(t, component).BearerToken, http.StatusForbidden},
			"who may read metrics": {scraper, http.StatusOK},
		} {
			assert.Equal(t, c.code, harness.Scrape(t, address, c.token), "%s, %s", component, what)
		}
	}
}

func mayReadMetrics(t *testing.T, namespace, account string) {
	bindings := harness.Cluster(t).Client.RbacV1().ClusterRoleBindings()
	name := fmt.Sprintf("%s-%s", namespace, account)
	_, err := bindings.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "rcroll-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, bindings.Delete(context.Background(), name, metav1.DeleteOptions{})) })
}

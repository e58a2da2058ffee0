package policies

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/rcroll/rcroll/pkg/metrics"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

// TestMetricsAreGuarded: the metrics that pods can reach are for those who may read them, as
// far as the programs' own permissions go to find that out.
func TestMetricsAreGuarded(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	scraper, other := tokenOf(t, ns, "scraper"), tokenOf(t, ns, "other")
	mayReadMetrics(t, ns, "scraper")
	for _, component := range []string{harness.Agent, harness.Webhook} {
		address := serveMetrics(t, component)
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
			assert.Equal(t, c.code, scrape(t, address, c.token), "%s, %s", component, what)
		}
	}
}

// serveMetrics serves as the program would, though on a loopback address, and returns that.
func serveMetrics(t *testing.T, component string) string {
	options := metrics.Server(":0")
	options.BindAddress = "127.0.0.1:0"
	as := config(t, component)
	httpClient, err := rest.HTTPClientFor(as)
	require.NoError(t, err)
	server, err := metricsserver.NewServer(options, as, httpClient)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-done)
	})
	var address string
	require.Eventually(t, func() bool {
		address = server.(interface{ GetBindAddr() string }).GetBindAddr()
		return address != ""
	}, harness.Patience, 10*time.Millisecond)
	return address
}

func scrape(t *testing.T, address, token string) int {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", http.NoBody)
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// tokenOf creates a ServiceAccount, and returns a token of it.
func tokenOf(t *testing.T, namespace, name string) string {
	accounts := harness.Cluster(t).Client.CoreV1().ServiceAccounts(namespace)
	_, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	require.NoError(t, err)
	request, err := accounts.CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return request.Status.Token
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

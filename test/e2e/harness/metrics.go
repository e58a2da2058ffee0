package harness

import (
	"context"
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/rcroll/rcroll/pkg/metrics"
)

// ServeMetrics serves with a program's account as the program would, though on a loopback
// address, and returns that.
func ServeMetrics(t *testing.T, component string) string {
	t.Helper()
	options := metrics.Server(":0")
	options.BindAddress = "127.0.0.1:0"
	as := TokenConfig(t, component)
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
	}, Patience, 10*time.Millisecond)
	return address
}

// Scrape reads metrics, and returns the HTTP status.
func Scrape(t *testing.T, address, token string) int {
	t.Helper()
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

// TokenOf creates a ServiceAccount, and returns a token of it.
func TokenOf(t *testing.T, namespace, name string) string {
	t.Helper()
	accounts := Cluster(t).Client.CoreV1().ServiceAccounts(namespace)
	_, err := accounts.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	require.NoError(t, err)
	request, err := accounts.CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return request.Status.Token
}

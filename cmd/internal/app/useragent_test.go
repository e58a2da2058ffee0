package app

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// TestUserAgent: it stays when a library sets another, as that of the leader election does.
func TestUserAgent(t *testing.T) {
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.UserAgent())
	}))
	defer server.Close()
	config := &rest.Config{Host: server.URL}
	setUserAgent(config, "rcroll-fake/v1")
	for _, config := range []*rest.Config{config, rest.AddUserAgent(rest.CopyConfig(config), "leader-election")} {
		client, err := rest.HTTPClientFor(config)
		require.NoError(t, err)
		response, err := client.Get(server.URL)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	assert.Equal(t, []string{"rcroll-fake/v1", "rcroll-fake/v1"}, seen)
}

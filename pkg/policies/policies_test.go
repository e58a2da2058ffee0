package policies

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

// TestDefinitionGoes: without the resource definition there are no policies, even if the watch
// was interrupted and missed that they were deleted along with it; and it may come back.
func TestDefinitionGoes(t *testing.T) {
	var gone atomic.Bool
	var missed atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		isWatch := r.URL.Query().Get("watch") != ""
		isPolicies := strings.Contains(r.URL.Path, "rolloutpolicies")
		switch {
		case isPolicies && gone.Load():
			missed.Add(1)
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"the server could not find the requested resource"}`)
		case isWatch && r.URL.Query().Get("sendInitialEvents") != "":
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,"message":"no"}`)
		case isWatch && isPolicies:
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			time.Sleep(300 * time.Millisecond) // the connection breaks
		case isWatch:
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case isPolicies:
			_, _ = io.WriteString(w, `{"kind":"RolloutPolicyList","apiVersion":"rcroll.dev/v1alpha1","metadata":{"resourceVersion":"1"},"items":[
				{"kind":"RolloutPolicy","apiVersion":"rcroll.dev/v1alpha1","metadata":{"name":"freeze","uid":"1","generation":1,"resourceVersion":"1"},"spec":{"frozen":{"reason":"incident"}}}]}`)
		default:
			_, _ = io.WriteString(w, `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"1"},"items":[]}`)
		}
	}))
	defer server.Close()
	s, err := New(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = s.Start(ctx) }()
	require.Eventually(t, func() bool { set, err := s.Set(ctx); return err == nil && len(set) == 1 }, 10*time.Second, 50*time.Millisecond)
	gone.Store(true)
	require.Eventually(t, func() bool { return missed.Load() > 2 }, 20*time.Second, 50*time.Millisecond)
	set, err := s.Set(ctx)
	require.NoError(t, err)
	assert.Empty(t, set)
	gone.Store(false)
	require.Eventually(t, func() bool { set, err := s.Set(ctx); return err == nil && len(set) == 1 }, time.Minute, 50*time.Millisecond)
}

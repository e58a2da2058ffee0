package webhook

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"
)

// TestBodiesAreBounded: what is too large is not worked on, nor what does not arrive.
func TestBodiesAreBounded(t *testing.T) {
	var reviews atomic.Int32
	server := httptest.NewServer(bounded(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		reviews.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
	}), semaphore.NewWeighted(bytesAtOnce)))
	t.Cleanup(server.Close)
	post := func(size int) int {
		response, err := http.Post(server.URL, "application/json", strings.NewReader(strings.Repeat(" ", size)))
		require.NoError(t, err)
		_ = response.Body.Close()
		return response.StatusCode
	}
	assert.Equal(t, http.StatusOK, post(maxBody))
	assert.Equal(t, http.StatusRequestEntityTooLarge, post(maxBody+1))

	slow, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = slow.Close() })
	_, err = slow.Write([]byte("POST / HTTP/1.1\r\nHost: webhook\r\nContent-Length: 100\r\n\r\n{"))
	require.NoError(t, err)
	require.NoError(t, slow.SetReadDeadline(time.Now().Add(4*readTimeout)))
	answer, err := io.ReadAll(slow)
	require.NoError(t, err, "the server gives up, and closes the connection")
	assert.Contains(t, string(answer), "408 Request Timeout")
	assert.EqualValues(t, 1, reviews.Load())
}

// TestReviewsAtOnce: as many are computed as there is memory for, and who has to wait for
// too long is told.
func TestReviewsAtOnce(t *testing.T) {
	atOnce := semaphore.NewWeighted(bytesAtOnce)
	handler := bounded(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }), atOnce)
	post := func() int {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
		return recorder.Code
	}
	require.True(t, atOnce.TryAcquire(bytesAtOnce))
	assert.Equal(t, http.StatusServiceUnavailable, post())
	atOnce.Release(bytesAtOnce)
	for range 2 * bytesAtOnce / overhead {
		require.Equal(t, http.StatusOK, post(), "each leaves when it is done")
	}
}

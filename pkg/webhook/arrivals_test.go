package webhook

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"
)

// smallRoom has room for 64 KiB of bodies.
func smallRoom() bounds {
	b := newBounds()
	b.bodies = semaphore.NewWeighted(64 << 10)
	b.arrivals.room = b.bodies
	return b
}

// breakOff announces a body, and sends the beginning of it only.
func breakOff(t *testing.T, server *httptest.Server, announced string, sent int) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	_, err = connection.Write([]byte("POST / HTTP/1.1\r\nHost: webhook\r\nContent-Length: " + announced + "\r\n\r\n" + strings.Repeat("x", sent)))
	require.NoError(t, err)
	return connection
}

// TestUnfinishedBodiesGiveWay: what is announced takes no room, and what has arrived of a
// body that goes on no more gives its room to one that does.
func TestUnfinishedBodiesGiveWay(t *testing.T) {
	b := smallRoom()
	server := httptest.NewServer(b.limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		assert.EqualValues(t, 20<<10, n)
		w.WriteHeader(http.StatusOK)
	})))
	t.Cleanup(server.Close)
	post := func() (int, time.Duration) {
		began := time.Now()
		response, err := http.Post(server.URL, "application/json", strings.NewReader(strings.Repeat(" ", 20<<10)))
		require.NoError(t, err)
		_ = response.Body.Close()
		return response.StatusCode, time.Since(began)
	}
	for range 50 {
		breakOff(t, server, "7000000", 1)
	}
	code, took := post()
	assert.Equal(t, http.StatusOK, code)
	assert.Less(t, took, patience, "nobody had to give way")

	slow := breakOff(t, server, "7000000", 60<<10)
	require.Eventually(t, func() bool {
		if !b.bodies.TryAcquire(10 << 10) {
			return true
		}
		b.bodies.Release(10 << 10)
		return false
	}, readTimeout, time.Millisecond, "it has nearly all of the room")
	code, took = post()
	assert.Equal(t, http.StatusOK, code)
	assert.Less(t, took, queueTimeout)
	require.NoError(t, slow.SetReadDeadline(time.Now().Add(readTimeout)))
	answer, err := io.ReadAll(slow)
	require.NoError(t, err)
	assert.Contains(t, string(answer), "408 Request Timeout")
	assert.True(t, b.bodies.TryAcquire(64<<10), "all room is given back")
}

// TestOrdinaryReviewsDoNotWaitForLargeOnes: these have a share of the memory.
func TestOrdinaryReviewsDoNotWaitForLargeOnes(t *testing.T) {
	b := newBounds()
	handler := b.limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	post := func(body string) int {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		return recorder.Code
	}
	large := strings.Repeat(`{"a":0},`, 10_000)
	require.Greater(t, memoryOf([]byte(large)), int64(largeReview))
	assert.Equal(t, http.StatusOK, post(large))
	require.True(t, b.large.TryAcquire(largeAtOnce))
	assert.Equal(t, http.StatusServiceUnavailable, post(large))
	assert.Equal(t, http.StatusOK, post("{}"))
}

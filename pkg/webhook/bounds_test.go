package webhook

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"
	"k8s.io/apimachinery/pkg/util/json"
)

// TestBodiesAreBounded: what is too large is not worked on, nor what does not arrive.
func TestBodiesAreBounded(t *testing.T) {
	var reviews atomic.Int32
	server := httptest.NewServer(newBounds().limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		reviews.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
	})))
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

// TestReviewsAtOnce: as many arrive and are computed as there is memory for, and who has
// to wait for too long is told.
func TestReviewsAtOnce(t *testing.T) {
	b := newBounds()
	handler := b.limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	post := func(body string) *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		return recorder
	}
	for name, room := range map[string]*semaphore.Weighted{"bodies": b.bodies, "memory": b.memory} {
		t.Run(name, func(t *testing.T) {
			most := map[string]int64{"bodies": bodiesAtOnce, "memory": memoryAtOnce}[name]
			require.True(t, room.TryAcquire(most))
			refused := post("{}")
			assert.Equal(t, http.StatusServiceUnavailable, refused.Code)
			assert.Equal(t, "1", refused.Header().Get("Retry-After"))
			room.Release(most)
			assert.Equal(t, http.StatusOK, post("{}").Code)
			assert.True(t, room.TryAcquire(most), "each leaves when it is done")
			room.Release(most)
		})
	}
	assert.Equal(t, http.StatusRequestEntityTooLarge, post(strings.Repeat(`{"a":0},`, 400_000)).Code, "made to take memory")
}

// TestMemoryOf: the estimate is no less than what the decoded text takes, whatever it is
// made of.
func TestMemoryOf(t *testing.T) {
	for name, element := range map[string]string{
		"numbers": "0,", "strings": `"",`, "lists": "[],", "empty objects": "{},", "objects": `{"a":0},`, "nested objects": `{"a":{"a":{"a":0}}},`,
		"variables": `{"name":"VARIABLE","value":"a value of some length"},`, "text": `"` + strings.Repeat("x", 1000) + `",`,
	} {
		t.Run(name, func(t *testing.T) {
			body := []byte(`{"a":[` + strings.Repeat(element, (1<<20)/len(element)) + `0]}`)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var decoded map[string]any
			require.NoError(t, json.Unmarshal(body, &decoded))
			runtime.GC()
			runtime.ReadMemStats(&after)
			assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), memoryOf(body))
			runtime.KeepAlive(decoded)
		})
	}
}

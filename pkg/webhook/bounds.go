package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// What one sender may cost. Nobody needs to be known to the webhook to send something, as
// long as it asks for no client certificates.
const (
	// maxBody is what the API server can send: it takes no object of more than 3 MiB, and a
	// review has two of them.
	maxBody = 7 << 20

	// readTimeout is for the whole body, which the API server sends at once.
	readTimeout = 5 * time.Second

	// bytesAtOnce bounds the bodies that are worked on at the same time: the largest and some
	// small ones. Less than 22 bytes are allocated for one of a body (BenchmarkLargeReview), so
	// that all of them together stay below 180 MiB, of the 256 MiB that the manifests allow.
	bytesAtOnce = maxBody + 1<<20

	// overhead is what a review costs however small it is, in bytes of a body.
	overhead = 64 << 10

	// queueTimeout is how long a review waits for others to end; the API server waits for 10 s.
	queueTimeout = 2 * time.Second
)

// bounded has reviews computed by a handler when they have arrived whole, and not more at
// once than there is memory for.
func bounded(next http.Handler, atOnce *semaphore.Weighted) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not every connection has deadlines; one in a test has none.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout))
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			http.Error(w, "the review is too large", http.StatusRequestEntityTooLarge)
			return
		case err != nil:
			http.Error(w, "the review did not arrive", http.StatusRequestTimeout)
			return
		}
		weight := min(int64(len(body))+overhead, bytesAtOnce)
		ctx, cancel := context.WithTimeout(r.Context(), queueTimeout)
		defer cancel()
		if err := atOnce.Acquire(ctx, weight); err != nil {
			http.Error(w, "too many reviews at once", http.StatusServiceUnavailable)
			return
		}
		defer atOnce.Release(weight)
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

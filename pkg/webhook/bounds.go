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

// What senders may cost. Nobody needs to be known to the webhook to send something, as
// long as it asks for no client certificates.
const (
	// maxBody is what the API server can send: it takes no object of more than 3 MiB, and a
	// review has two of them.
	maxBody = 7 << 20

	// bodiesAtOnce and memoryAtOnce bound, in bytes, the bodies that arrive and the memory
	// that those which have arrived take (see memoryOf). Both, and what the process has
	// anyway, are less than the 256 MiB that the manifests allow.
	bodiesAtOnce = 4 * maxBody
	memoryAtOnce = 128 << 20

	// largeAtOnce is what large reviews may take of that memory, together and each: the
	// others do not wait for them. Ordinary ones take less than 1 MiB.
	largeReview = 4 << 20
	largeAtOnce = 112 << 20

	// queueTimeout is how long a review waits for others; the API server waits for 10 s.
	queueTimeout = 2 * time.Second
)

// memoryOf estimates the memory that a review takes from its text: that grows with the
// number of objects and values much more than with the length. The largest
// ReplicationController that there can be is far below largeAtOnce, and nothing but what
// was made to be is above (TestMemoryOf).
func memoryOf(body []byte) int64 {
	const perByte, perObject, perValue = 8, 600, 64
	return int64(perByte*len(body) + perObject*bytes.Count(body, []byte("{")) + perValue*bytes.Count(body, []byte(",")))
}

// bounds are shared by all handlers of a server.
type bounds struct {
	bodies, large, memory *semaphore.Weighted
	arrivals              *arrivals
}

func newBounds() bounds {
	bodies := semaphore.NewWeighted(bodiesAtOnce)
	return bounds{
		bodies: bodies, large: semaphore.NewWeighted(largeAtOnce), memory: semaphore.NewWeighted(memoryAtOnce),
		arrivals: &arrivals{room: bodies, unfinished: map[*arrival]struct{}{}},
	}
}

// limit has reviews computed by a handler when they have arrived whole, and not more at
// once than there is memory for.
func (b bounds) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			tooLarge(w)
			return
		}
		body, taken, err := b.arrivals.receive(w, r)
		defer b.bodies.Release(taken)
		var beyond *http.MaxBytesError
		switch {
		case errors.As(err, &beyond):
			tooLarge(w)
			return
		case errors.Is(err, errNoRoom):
			tooMany(w)
			return
		case err != nil:
			turnedAway.WithLabelValues(incompleteReason).Inc()
			http.Error(w, "the review did not arrive", http.StatusRequestTimeout)
			return
		}
		memory := memoryOf(body)
		if memory > largeReview {
			if !acquire(w, r, b.large, memory, largeAtOnce) {
				return
			}
			defer b.large.Release(memory)
		}
		if !acquire(w, r, b.memory, memory, memoryAtOnce) {
			return
		}
		defer b.memory.Release(memory)
		r.Body = http.NoBody // which is how an empty one is recognised
		if len(body) > 0 {
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, r)
	})
}

// acquire waits until there is room, and answers if there is none.
func acquire(w http.ResponseWriter, r *http.Request, room *semaphore.Weighted, weight, most int64) bool {
	if weight > most {
		tooLarge(w)
		return false
	}
	ctx, cancel := context.WithTimeout(r.Context(), queueTimeout)
	defer cancel()
	if err := room.Acquire(ctx, weight); err != nil {
		tooMany(w)
		return false
	}
	return true
}

func tooLarge(w http.ResponseWriter) {
	turnedAway.WithLabelValues(tooLargeReason).Inc()
	http.Error(w, "the review is too large", http.StatusRequestEntityTooLarge)
}

func tooMany(w http.ResponseWriter) {
	turnedAway.WithLabelValues(busyReason).Inc()
	w.Header().Set("Retry-After", "1")
	http.Error(w, errNoRoom.Error(), http.StatusServiceUnavailable)
}

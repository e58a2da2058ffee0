package agent

import (
	"math/rand/v2"
	"time"

	"k8s.io/client-go/util/workqueue"
)

// backoff grows exponentially, as the one of workqueue, with jitter: half of a delay
// is certain and half is random. Rollouts that failed at the same moment, because the
// webhook or the API server did, do not all come back at the same moment.
type backoff[T comparable] struct {
	workqueue.TypedRateLimiter[T]
}

// newBackoff returns one whose delays begin at half of first or more, and never
// exceed last.
func newBackoff[T comparable](first, last time.Duration) workqueue.TypedRateLimiter[T] {
	return backoff[T]{workqueue.NewTypedItemExponentialFailureRateLimiter[T](first, last)}
}

// When implements workqueue.TypedRateLimiter.
func (b backoff[T]) When(item T) time.Duration {
	delay := b.TypedRateLimiter.When(item)
	return delay - rand.N(delay/2+1) //nolint:gosec // nobody gains by guessing it
}

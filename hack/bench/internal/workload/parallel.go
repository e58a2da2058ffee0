package workload

import (
	"context"
	"sync"

	"k8s.io/client-go/util/workqueue"
)

// InParallel calls do with 0 to n-1, at most limit at a time, until one call fails,
// and returns the first error.
func InParallel(ctx context.Context, n, limit int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var once sync.Once
	var first error
	workqueue.ParallelizeUntil(ctx, limit, n, func(i int) {
		if err := do(ctx, i); err != nil {
			once.Do(func() {
				first = err
				cancel(err)
			})
		}
	})
	if first != nil {
		return first
	}
	return context.Cause(ctx)
}

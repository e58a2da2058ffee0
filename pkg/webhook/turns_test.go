package webhook

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// One user's writes wait for each other and not for another user's, give up in time, and
// leave nothing behind.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		var leave []func()
		take := func(ctx context.Context, user string) error {
			left, err := turns.take(ctx, user)
			if err == nil {
				leave = append(leave, left)
			}
			return err
		}
		for range questionsOfUser {
			require.NoError(t, take(t.Context(), "many"))
		}
		began := time.Now()
		require.NoError(t, take(t.Context(), "other"))
		assert.Zero(t, time.Since(began), "the other user waits for nobody")

		err := take(t.Context(), "many")
		assert.Equal(t, turnTimeout, time.Since(began))
		assert.True(t, apierrors.IsTooManyRequests(err), "%v", err)
		after, suggested := apierrors.SuggestsClientDelay(err)
		assert.True(t, suggested)
		assert.True(t, after >= 1 && after <= maxRetryAfter, "%d s", after)

		next := make(chan error)
		go func() { next <- take(t.Context(), "many") }()
		synctest.Wait()
		leave[0]()
		assert.NoError(t, <-next, "the turn that was left is taken")
		for _, l := range leave[1:] {
			l()
		}
		assert.Empty(t, turns.users)
	})
}

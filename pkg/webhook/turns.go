package webhook

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// questionsOfUser is how many writes of one user are judged at once: more of them
	// would be no faster, as the API server is busy with these.
	questionsOfUser = 8

	// turnTimeout is how long a write waits for others of the same user.
	turnTimeout = 3 * time.Second

	// maxRetryAfter is the longest time, in seconds, after which a client is to try again.
	// Clients of client-go do so by themselves, ten times.
	maxRetryAfter = 5
)

// turns keep one user's writes, however many there are at once, from being judged all at
// the same time: they would take so long that all of them time out, and others' too. The
// writes that find no turn are refused, which gives back the seats that they hold in the
// API server.
type turns struct {
	mu    sync.Mutex
	users map[string]*line
}

func newTurns() *turns { return &turns{users: map[string]*line{}} }

// line is that of one user, while anybody stands in it.
type line struct {
	turns    *semaphore.Weighted
	standing int
}

// take waits for a turn of the user. Whoever gets one calls leave.
func (t *turns) take(ctx context.Context, user string) (leave func(), err error) {
	l := t.join(user)
	waiting, cancel := context.WithTimeout(ctx, turnTimeout)
	defer cancel()
	if err := l.turns.Acquire(waiting, 1); err != nil {
		t.quit(user)
		return nil, apierrors.NewTooManyRequests(tooManyOfUser, 1+rand.IntN(maxRetryAfter)) //nolint:gosec // spreads load, guards nothing
	}
	return func() { l.turns.Release(1); t.quit(user) }, nil
}

func (t *turns) join(user string) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.users[user]
	if l == nil {
		l = &line{turns: semaphore.NewWeighted(questionsOfUser)}
		t.users[user] = l
	}
	l.standing++
	return l
}

func (t *turns) quit(user string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.users[user]
	if l.standing--; l.standing == 0 {
		delete(t.users, user)
	}
}

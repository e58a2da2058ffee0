package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// readTimeout is for the whole body, which the API server sends at once.
	readTimeout = 5 * time.Second

	// patience is for a body that others wait for: it is much longer than the API server
	// takes for the largest one.
	patience = 500 * time.Millisecond

	// firstRoom is what a body may fill before it takes any of the room: no more than its
	// connection has of memory anyway.
	firstRoom = 8 << 10
)

var errNoRoom = errors.New("too many reviews at once")

// arrivals are the bodies that arrive. They take room for what is there of them, not for
// what their senders announce; and when there is none left, those that have kept the
// webhook waiting for longer than patience give way. So what is sent and never completed
// keeps no other review from being answered.
type arrivals struct {
	room *semaphore.Weighted

	mu         sync.Mutex
	unfinished map[*arrival]struct{}
}

// arrival is a body of which there may be more to come.
type arrival struct {
	// kept is the time for which the sender has kept the webhook waiting, until since;
	// since is zero while it is the webhook that keeps the body waiting.
	kept  time.Duration
	since time.Time

	// cut ends the waiting.
	cut func()
}

// receive reads a body whole. The room that it takes, which is the caller's to release, is
// returned with an error, too.
func (a *arrivals) receive(w http.ResponseWriter, r *http.Request) (body []byte, taken int64, err error) {
	// Not every connection has deadlines; one in a test has none.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(readTimeout))
	this := &arrival{cut: func() { _ = connection.SetReadDeadline(time.Now()) }}
	defer a.waits(this, false) // before the connection has another request to read

	from := http.MaxBytesReader(w, r.Body, maxBody)
	body = make([]byte, 0, firstRoom)
	for {
		if len(body) == cap(body) {
			more := min(int64(cap(body)), maxBody+1-int64(cap(body)))
			if err := a.take(r.Context(), more); err != nil {
				return nil, taken, err
			}
			taken += more
			body = append(make([]byte, 0, int64(cap(body))+more), body...)
		}
		a.waits(this, true)
		n, err := from.Read(body[len(body):cap(body)])
		a.waits(this, false)
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			rest := max(0, int64(len(body))-taken)
			if err := a.take(r.Context(), rest); err != nil {
				return nil, taken, err
			}
			return body, taken + rest, nil
		case err != nil:
			return nil, taken, err
		}
	}
}

// waits says whether the webhook waits for the sender.
func (a *arrivals) waits(this *arrival, forSender bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if forSender {
		this.since = time.Now()
		a.unfinished[this] = struct{}{}
		return
	}
	if !this.since.IsZero() {
		this.kept += time.Since(this.since)
		this.since = time.Time{}
	}
	delete(a.unfinished, this)
}

// take takes room, for which others may have to give way.
func (a *arrivals) take(ctx context.Context, weight int64) error {
	if a.room.TryAcquire(weight) {
		return nil
	}
	end := time.Now().Add(queueTimeout)
	for {
		a.makeWay()
		turn, cancel := context.WithTimeout(ctx, min(time.Until(end), patience/4))
		err := a.room.Acquire(turn, weight)
		cancel()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil || !time.Now().Before(end):
			return errNoRoom
		}
	}
}

// makeWay gives up the bodies that have kept the webhook waiting for too long.
func (a *arrivals) makeWay() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for this := range a.unfinished {
		if this.kept+time.Since(this.since) > patience {
			this.cut()
		}
	}
}

package agent

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// scaleUps remember when each rollout last scaled up, for the update period. After
// a restart nothing is known, and a scale-up just before it must be assumed.
type scaleUps struct {
	mu      sync.Mutex
	started time.Time
	last    map[types.NamespacedName]time.Time
}

func newScaleUps(started time.Time) *scaleUps {
	return &scaleUps{started: started, last: map[types.NamespacedName]time.Time{}}
}

func (u *scaleUps) record(rc types.NamespacedName, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last[rc] = now
}

// lastOf is the last scale-up; the start of the agent, if there was none since.
func (u *scaleUps) lastOf(rc types.NamespacedName) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, found := u.last[rc]; found {
		return last
	}
	return u.started
}

func (u *scaleUps) forget(rc types.NamespacedName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.last, rc)
}

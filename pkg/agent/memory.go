package agent

import (
	"math"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"

	"github.com/rcroll/rcroll/pkg/rollout"
)

// limits are the intervals and rates by which a reconciler works.
type limits struct {
	// poll are the intervals at which is asked for what causes no event: the garbage
	// collector mostly takes less than the first few.
	poll wait.Backoff

	// inspectMin is the time until the first inspection of pods where the deadline is
	// short, inspectFirst where it is not. The time between inspections doubles up to
	// inspectMax.
	inspectMin, inspectFirst, inspectMax time.Duration

	// inspectionsPerSecond and inspectionsAtOnce bound the inspections of all rollouts.
	inspectionsPerSecond float32
	inspectionsAtOnce    int
}

// defaultLimits says why inspections are limited: a list of pods costs the API server
// a walk over all pods of the namespace. So where many rollouts wait at the same time,
// most likely for a control plane that is busy, all together inspect no more than so
// many times a second, and who is refused waits for its own next turn.
func defaultLimits() limits {
	return limits{
		poll: wait.Backoff{Duration: 30 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: math.MaxInt32, Cap: 10 * time.Second},

		inspectMin:   time.Second,
		inspectFirst: 5 * time.Second,
		inspectMax:   time.Minute,

		inspectionsPerSecond: 10,
		inspectionsAtOnce:    20,
	}
}

// memories hold what the agent remembers of the rollouts in flight. None of it is
// needed to go on; without it an agent asks the API server more often.
type memories struct {
	clock   clock.PassiveClock
	limits  limits
	started time.Time

	// inspections are counted over all rollouts.
	inspections flowcontrol.PassiveRateLimiter

	mu   sync.Mutex
	byRC map[types.NamespacedName]*memory
}

func newMemories(clock clock.PassiveClock, limits limits) *memories {
	return &memories{
		clock:   clock,
		limits:  limits,
		started: clock.Now(),
		inspections: flowcontrol.NewTokenBucketPassiveRateLimiterWithClock(
			limits.inspectionsPerSecond, limits.inspectionsAtOnce, clock),
		byRC: map[types.NamespacedName]*memory{},
	}
}

// of is the memory of one rollout. Its passes do not overlap, so that nothing in it
// needs a lock.
func (m *memories) of(rc types.NamespacedName) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byRC[rc] == nil {
		// A scale-up just before the agent started must be assumed.
		m.byRC[rc] = &memory{rollout: rollout.Memory{LastScaleUp: m.started}, poll: m.limits.poll}
	}
	return m.byRC[rc]
}

// forget drops the memory of a rollout that is over.
func (m *memories) forget(rc types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byRC, rc)
}

// memory is that of one rollout.
type memory struct {
	// rollout is what decisions are told.
	rollout rollout.Memory

	// expectations are the writes that the cache has yet to show.
	expectations expectations

	// inspection is of the member that is waited for, if any.
	inspection inspection

	// overridden and approved are the annotations that were announced last.
	overridden, approved string

	// places are the policies in whose queues it was last.
	places string

	// poll is what is left of the intervals.
	poll wait.Backoff
}

// decided records whether a decision is held up, and since when.
func (m *memory) decided(decision rollout.Decision, now time.Time) {
	if decision.HeldUp == nil {
		m.rollout.HeldUpSince = time.Time{}
		return
	}
	m.heldUp(now)
}

// heldUp starts the clock, unless it runs.
func (m *memory) heldUp(now time.Time) {
	if m.rollout.HeldUpSince.IsZero() {
		m.rollout.HeldUpSince = now
	}
}

// passed records how a pass ended; nil if all that was due was written.
func (m *memory) passed(err error, now time.Time) {
	m.rollout.StepError = ""
	if err == nil {
		return
	}
	m.rollout.StepError = err.Error()
	m.heldUp(now)
}

// applied records an action that was written.
func (m *memory) applied(action rollout.Action, now time.Time) {
	if action.Kind == rollout.SetConditions {
		m.rollout.Problem, m.rollout.Told = action.Conditions.Problem, action.Conditions.Told
		return
	}
	m.rollout.LastStep = now
	if action.ScaleUp {
		m.rollout.LastScaleUp = now
	}
}

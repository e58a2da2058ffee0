package view

import (
	"time"

	"github.com/rcroll/rcroll/pkg/progress"
)

// Pace is how fast pods are replaced, of which it is told how long the rest takes. The
// zero Pace has seen nothing.
type Pace struct {
	// direction is what the counts are of; they start anew when it changes.
	direction string

	// count is the number of pods that have been replaced.
	count int32

	// first and last are the first and the last step that was seen, if there were any.
	first, last *step
}

// step is when a number of pods was reached.
type step struct {
	at    time.Time
	count int32
}

// patience is how many times the usual time a step may take before the pace says nothing
// any more.
const patience = 3

// Observe takes note of a state. What was there when it was first looked at is no step:
// nobody knows when it was made.
func (p *Pace) Observe(now time.Time, r progress.Rollout) {
	direction, count := replaced(r)
	if direction == "" || direction != p.direction || count < p.count {
		*p = Pace{direction: direction, count: count}
		return
	}
	if count == p.count {
		return
	}
	p.count = count
	p.last = &step{at: now, count: count}
	if p.first == nil {
		p.first = p.last
	}
}

// Left is about how long it takes until all pods are replaced. Before two steps, and when
// one takes far longer than those before, there is no telling.
func (p *Pace) Left(now time.Time, r progress.Rollout) (time.Duration, bool) {
	if p.first == nil || p.last == p.first || r.Desired < p.count {
		return 0, false
	}
	each := p.last.at.Sub(p.first.at) / time.Duration(p.last.count-p.first.count)
	since := now.Sub(p.last.at)
	if since > patience*each {
		return 0, false
	}
	rest := time.Duration(r.Desired - p.count)
	// A pod that is overdue may come at any moment; those behind it take their time.
	return max(rest*each-since, max(rest-1, 0)*each), true
}

// replaced is how many pods are where they should be, and of what; empty if nothing goes
// on. While it is paused or stuck no time counts.
func replaced(r progress.Rollout) (direction string, count int32) {
	switch r.Phase {
	case progress.Rolling:
		return r.RequestedHash, r.Updated()
	case progress.RollingBack:
		return "back", min(r.RC.Available, r.Desired)
	}
	return "", 0
}

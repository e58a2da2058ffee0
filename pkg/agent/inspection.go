package agent

import (
	"time"

	"github.com/rcroll/rcroll/pkg/rollout"
)

// inspection is the schedule by which the pods of a member are listed that keeps the
// rollout waiting, and what they told last. Pods are not watched: a watch would hold
// every pod of the cluster in memory. Nor does the agent learn from inspections that
// pods are ready: that shows in the status of their ReplicationController, which is
// watched.
type inspection struct {
	// target is the member that is waited for, as it was seen last.
	target rollout.Member

	// report is nil until the pods were listed for the first time.
	report *rollout.PodReport

	// next is when they are listed, interval the time from then to the next time.
	next     time.Time
	interval time.Duration
}

// await begins to wait for the target, or goes on to. A change of the target is a
// reason to inspect again sooner, but no sooner than at the beginning. It returns the
// time of the next inspection.
func (i *inspection) await(target rollout.Member, deadline time.Duration, limits limits, now time.Time) time.Time {
	if target.UID != i.target.UID {
		*i = inspection{}
	}
	if target != i.target {
		i.target = target
		i.interval = max(limits.inspectMin, min(limits.inspectFirst, deadline/2))
		if next := now.Add(i.interval); i.next.IsZero() || next.Before(i.next) {
			i.next = next
		}
	}
	return i.next
}

// state is what a decision is told.
func (i *inspection) state(now time.Time) rollout.Inspection {
	return rollout.Inspection{Of: i.target.UID, Report: i.report, Due: i.isDue(now)}
}

func (i *inspection) isDue(now time.Time) bool { return !i.next.IsZero() && !now.Before(i.next) }

// postpone puts it off to the next turn.
func (i *inspection) postpone(now time.Time) { i.next = now.Add(i.interval) }

// record keeps the report of an inspection.
func (i *inspection) record(report rollout.PodReport, limits limits, now time.Time) {
	i.report = &report
	i.next = now.Add(i.interval)
	i.interval = min(2*i.interval, limits.inspectMax)
}

package observe

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Result is what was seen since the measurement began.
type Result struct {
	// Moments are all states in order. The first is the one at the beginning.
	Moments []Moment

	// Err is why something may have been missed; nil if nothing was.
	Err error
}

// Last is the newest state.
func (r Result) Last() Moment { return r.Moments[len(r.Moments)-1] }

// First returns the first moment of which is holds.
func (r Result) First(is func(Moment) bool) (Moment, bool) {
	i := slices.IndexFunc(r.Moments, is)
	if i < 0 {
		return Moment{}, false
	}
	return r.Moments[i], true
}

// LowestAvailable is the smallest number of pods that served at any moment.
func (r Result) LowestAvailable() int {
	return slices.Min(numbers(r.Moments, Moment.Available))
}

// HighestPods is the largest number of pods that there were at any moment.
func (r Result) HighestPods() int {
	return slices.Max(numbers(r.Moments, func(m Moment) int { return len(m.Pods) }))
}

// Created are the pods that came.
func (r Result) Created() []Pod {
	created, _ := r.turnover()
	return created
}

// Deleted are the pods that went. One that terminates has gone.
func (r Result) Deleted() []Pod {
	_, deleted := r.turnover()
	return deleted
}

func (r Result) turnover() (created, deleted []Pod) {
	present := map[types.UID]Pod{}
	for i, moment := range r.Moments {
		now := map[types.UID]Pod{}
		for _, pod := range moment.Pods {
			now[pod.UID] = pod
			if _, known := present[pod.UID]; !known && i > 0 {
				created = append(created, pod)
			}
		}
		for uid, pod := range present {
			if _, stays := now[uid]; !stays {
				deleted = append(deleted, pod)
			}
		}
		present = now
	}
	return created, deleted
}

// Kept is the number of the pods of a moment that are still there at the end.
func (r Result) Kept(pods []Pod) int {
	kept := 0
	for _, pod := range r.Last().Pods {
		if slices.ContainsFunc(pods, func(earlier Pod) bool { return earlier.UID == pod.UID }) {
			kept++
		}
	}
	return kept
}

// ScaleUps are the times at which an owned ReplicationController was scaled to more
// pods than ever before.
func (r Result) ScaleUps() []time.Time {
	var times []time.Time
	most := map[types.UID]int32{}
	for _, moment := range r.Moments {
		for _, rc := range moment.Owned() {
			if rc.Replicas() > most[rc.UID] {
				most[rc.UID] = rc.Replicas()
				times = append(times, moment.At)
			}
		}
	}
	return times
}

func numbers(moments []Moment, number func(Moment) int) []int {
	out := make([]int, len(moments))
	for i, moment := range moments {
		out[i] = number(moment)
	}
	return out
}

package policy

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Waiting is a requested rollout, as its turn is decided on.
type Waiting struct {
	// Key names it.
	Key types.NamespacedName

	// RequestedAt decides whose turn it is, and then Key.
	RequestedAt time.Time

	// Begun is set if it is in progress: it takes a place, and needs none.
	Begun bool

	// Ready is set if nothing but its turn keeps it waiting. One that is not ready is not
	// waited for.
	Ready bool

	// Queues are the most rollouts at once, by policy.
	Queues map[string]int
}

// Turns returns whose turn it is: of the rollouts that are ready, in the order of their
// requests, those for which there is a place in each of their queues. Nobody overtakes
// another one in the same queue. For those who wait, it names the policy that is full.
func Turns(rollouts []Waiting) (turns map[types.NamespacedName]bool, full map[types.NamespacedName]*Hold) {
	taken := map[string]int{}
	take := func(w Waiting) {
		for name := range w.Queues {
			taken[name]++
		}
	}
	var ready []Waiting
	for _, w := range rollouts {
		switch {
		case w.Begun:
			take(w)
		case w.Ready:
			ready = append(ready, w)
		}
	}
	slices.SortFunc(ready, func(a, b Waiting) int {
		return cmp.Or(a.RequestedAt.Compare(b.RequestedAt), cmp.Compare(a.Key.String(), b.Key.String()))
	})
	turns, full = map[types.NamespacedName]bool{}, map[types.NamespacedName]*Hold{}
	for _, w := range ready {
		hold := noPlace(w, taken)
		if hold == nil {
			turns[w.Key] = true
		} else {
			full[w.Key] = hold
		}
		take(w) // Whoever waits keeps its place before those who come after.
	}
	return turns, full
}

// noPlace names the first queue by name that has no place left.
func noPlace(w Waiting, taken map[string]int) *Hold {
	var hold *Hold
	for name, most := range w.Queues {
		if taken[name] >= most && (hold == nil || name < hold.Policy) {
			hold = &Hold{Kind: Queued, Policy: name, Message: queuedMessage(name, most)}
		}
	}
	return hold
}

package history

import (
	"cmp"
	"slices"
	"time"
)

// Rollout is what there is to record.
type Rollout struct {
	// Live and Requested are the hashes of the two templates; the same at the end.
	Live, Requested string

	// RequestedBy, RequestedAt and ChangeCause are those of the request.
	RequestedBy string
	RequestedAt time.Time
	ChangeCause string

	// Overridden and ApprovedBy are those of the rollout so far.
	Overridden, ApprovedBy string

	// IsFailed is set if the rollout so far was told to have failed.
	IsFailed bool

	// IsRolledBack is set if the rollout that ends has failed and was rolled back for it.
	IsRolledBack bool

	Now time.Time
}

// Kind tells changes apart.
type Kind string

const (
	// Create makes a revision for the template with that hash.
	Create Kind = "Create"

	// Update writes what has changed of it.
	Update Kind = "Update"

	// Delete removes it.
	Delete Kind = "Delete"
)

// Change is one write.
type Change struct {
	Kind     Kind
	Revision Revision
}

// Begin records that pods are about to be replaced by those of the requested template, and
// which template was live before. It says what became of a rollout to any other one: it has
// ended, in whatever way. Decided again on what it has made, it changes nothing, so that
// a crash in between does no harm.
func Begin(revisions []Revision, r Rollout) []Change {
	next := highest(revisions) + 1
	var changes []Change
	for _, revision := range inOrder(revisions) {
		switch isLive := revision.Hash == r.Live; {
		case isLive && revision.Result == Progressing:
			changes = append(changes, Change{Update, revision.ended(Succeeded, r.Now)})
		case isLive && !revision.Served():
			// It was made live where rcroll does not act.
			changes = append(changes, Change{Update, Revision{Number: revision.Number, Hash: revision.Hash}})
		case revision.Result != Progressing || revision.Hash == r.Requested:
		case r.IsFailed:
			changes = append(changes, Change{Update, revision.ended(Failed, r.Now)})
		default:
			changes = append(changes, Change{Update, revision.ended(Superseded, r.Now)})
		}
	}
	if Find(revisions, r.Live) == nil {
		changes = append(changes, Change{Create, Revision{Number: next, Hash: r.Live}})
		next++
	}
	wanted := r.requested(next)
	switch there := Find(revisions, r.Requested); {
	case there == nil:
		changes = append(changes, Change{Create, wanted})
	case there.Result != Progressing:
		changes = append(changes, Change{Update, wanted})
	}
	return changes
}

// requested is the revision for a rollout that begins.
func (r Rollout) requested(number int64) Revision {
	return Revision{
		Number: number, Hash: r.Requested, Result: Progressing,
		RequestedBy: r.RequestedBy, RequestedAt: r.RequestedAt, ChangeCause: r.ChangeCause,
		Overridden: r.Overridden, ApprovedBy: r.ApprovedBy,
	}
}

// permitted is the revision with who has overridden policies or approved a pause since the
// rollout began. What was withdrawn meanwhile has been there all the same.
func (r Rollout) permitted(revision Revision) Revision {
	revision.Overridden = cmp.Or(r.Overridden, revision.Overridden)
	revision.ApprovedBy = cmp.Or(r.ApprovedBy, revision.ApprovedBy)
	return revision
}

// End records how the rollout ended, and drops the oldest revisions but for the live one
// and limit others. The requested template is live: it is either one that a rollout was
// under way to, which has succeeded then, or the one from before.
func End(revisions []Revision, r Rollout, limit int) []Change {
	kept := slices.Clone(revisions)
	var changes []Change
	update := func(revision Revision) {
		changes = append(changes, Change{Update, revision})
		*Find(kept, revision.Hash) = revision
	}
	others := Cancelled
	if r.IsRolledBack {
		others = RolledBack
	}
	if live := Find(revisions, r.Live); live != nil && !live.Served() {
		others = Superseded
		update(r.succeeded(*live, highest(revisions)))
	}
	for _, revision := range inOrder(revisions) {
		if revision.Result == Progressing && revision.Hash != r.Live {
			update(r.permitted(revision).ended(others, r.Now))
		}
	}
	return append(changes, prune(kept, r.Live, limit)...)
}

// succeeded is the revision of a rollout that has succeeded. One that was superseded and
// requested again has no beginning of its own, for its ReplicationController was still there.
func (r Rollout) succeeded(live Revision, highest int64) Revision {
	if live.Result != Progressing {
		live = r.requested(live.Number)
	}
	if live.Number != highest {
		live.Number = highest + 1
	}
	if r.ChangeCause != "" {
		live.ChangeCause = r.ChangeCause
	}
	return r.permitted(live).ended(Succeeded, r.Now)
}

// prune deletes the oldest, and keeps the live one and limit others.
func prune(revisions []Revision, live string, limit int) []Change {
	old := slices.DeleteFunc(inOrder(revisions), func(r Revision) bool { return r.Hash == live })
	var changes []Change
	for _, revision := range old[:max(0, len(old)-limit)] {
		changes = append(changes, Change{Delete, revision})
	}
	return changes
}

func highest(revisions []Revision) int64 {
	var number int64
	for _, revision := range revisions {
		number = max(number, revision.Number)
	}
	return number
}

// inOrder are the revisions, the oldest first.
func inOrder(revisions []Revision) []Revision {
	return slices.SortedStableFunc(slices.Values(revisions), func(a, b Revision) int { return int(a.Number - b.Number) })
}

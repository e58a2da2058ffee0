package progress

// Verdict is what a series of observations comes to.
type Verdict string

const (
	// InProgress: it is not over yet.
	InProgress Verdict = "InProgress"

	// Done: the requested template is live, and all pods are available.
	Done Verdict = "Done"

	// HasFailed: the rollout does not go on by itself.
	HasFailed Verdict = "Failed"

	// WasRolledBack: the old template is live again, or still is.
	WasRolledBack Verdict = "RolledBack"

	// IsPaused: nothing happens until the user resumes the rollout, or approves a step.
	IsPaused Verdict = "Paused"

	// Deleted: the ReplicationController is being deleted.
	Deleted Verdict = "Deleted"
)

// Follower judges successive observations of one ReplicationController. When a rollout
// is over nothing of it is left in the object, so whether it was fulfilled or cancelled
// can only be told by who has seen it before. Observations may be skipped. The zero
// Follower has seen nothing.
type Follower struct {
	// live is the hash of the template that was live when a rollout was first seen that
	// had not been promoted yet; empty if none was.
	live string

	// last is the last phase of a rollout that tells how it is to end.
	last Phase
}

// Observe returns what there is to say after one more observation.
func (f *Follower) Observe(r Rollout) Verdict {
	switch r.Phase {
	case Rolling, Paused, PausedAtStep, Failed, RollingBack:
		if f.live == "" || f.last == Promoting {
			f.live = r.Live.Hash(hashKey)
		}
	}
	switch r.Phase {
	case Rolling, RollingBack, Promoting:
		f.last = r.Phase
	case PausedAtStep:
		f.last = Rolling
		if r.NeedsApproval() {
			return IsPaused
		}
	case Paused:
		return IsPaused
	case Failed:
		return HasFailed
	case Deleting:
		return Deleted
	case RolledBack:
		return WasRolledBack
	case Complete:
		if f.wasRolledBack(r) {
			return WasRolledBack
		}
		return Done
	}
	return InProgress
}

// wasRolledBack reports whether the rollout that was seen has ended without its template.
func (f *Follower) wasRolledBack(r Rollout) bool {
	switch f.last {
	case RollingBack:
		return true
	case Promoting:
		return false
	}
	return f.live != "" && f.live == r.Live.Hash(hashKey)
}

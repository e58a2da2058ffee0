package history

import (
	"time"
)

// Result is what became of the last rollout to a template.
type Result string

const (
	// Unrecorded: the template was live before rcroll recorded anything of it.
	Unrecorded Result = ""

	// Progressing: the rollout has yet to end.
	Progressing Result = "Progressing"

	// Succeeded: all pods were of the template.
	Succeeded Result = "Succeeded"

	// Cancelled: the user went back to the live template.
	Cancelled Result = "Cancelled"

	// RolledBack: the rollout failed, and was rolled back for it.
	RolledBack Result = "RolledBack"

	// Failed: the rollout had failed when another template was requested.
	Failed Result = "Failed"

	// Superseded: another template was requested before the rollout had ended.
	Superseded Result = "Superseded"
)

// Revision is what is known of one template. There is one for each template: a template
// that is rolled out once more gets a new number, as with StatefulSets.
type Revision struct {
	// Number is 1 or more. The higher, the later.
	Number int64

	// Hash is that of the template.
	Hash string

	Result Result

	// RequestedBy and RequestedAt say who asked for the last rollout to it, and when; empty
	// if nobody is known to have.
	RequestedBy string
	RequestedAt time.Time

	// Duration is the time from the request to the end; 0 if it is not known.
	Duration time.Duration

	// ChangeCause is what the user gave as the reason; mostly empty.
	ChangeCause string

	// Overridden says who has overridden which policies for the last rollout to it, as
	// api.OverriddenAnnotation does, and ApprovedBy who has approved its last pause; mostly empty.
	Overridden, ApprovedBy string
}

// Served reports whether all pods were of the template at some time, so that it is one to
// go back to.
func (r Revision) Served() bool { return r.Result == Succeeded || r.Result == Unrecorded }

// ended is the revision when its rollout is over.
func (r Revision) ended(result Result, now time.Time) Revision {
	r.Result = result
	if !r.RequestedAt.IsZero() {
		r.Duration = max(0, now.Sub(r.RequestedAt)).Round(time.Second)
	}
	return r
}

// Previous is the revision that undo goes back to: the latest one that served and is not
// current; nil if there is none. current is the hash of the requested template, or of the
// live one if none is requested.
func Previous(revisions []Revision, current string) *Revision {
	var found *Revision
	for i, revision := range revisions {
		if revision.Served() && revision.Hash != current && (found == nil || revision.Number > found.Number) {
			found = &revisions[i]
		}
	}
	return found
}

// Find returns the revision with a hash; nil if there is none.
func Find(revisions []Revision, hash string) *Revision {
	for i := range revisions {
		if revisions[i].Hash == hash {
			return &revisions[i]
		}
	}
	return nil
}

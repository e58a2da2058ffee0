package rollingupdate

import (
	"fmt"

	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// tale follows one rollout to its end: what to print, and what comes of it.
type tale struct {
	// target is the name of the new ReplicationController, hash that of its template.
	target, hash string

	// newName is the name that the ReplicationController gets in the end; empty if it keeps
	// its own.
	newName string

	// existed is set if the new ReplicationController was there before the command.
	existed bool

	// before is the rollout before the command did anything.
	before progress.Rollout

	narrator *narrator // nil until there is something to tell
	follower progress.Follower

	// promoted and renamed are set when the lines that say so were told.
	promoted, renamed bool
}

// observe returns the lines to print, and whether the rollout is over. An error says that
// it is over without having succeeded.
func (t *tale) observe(r progress.Rollout) (lines []string, over bool, err error) {
	verdict := t.follower.Observe(r)
	switch {
	case r.Phase == progress.Deleting:
		return nil, true, errDeleted(r.Ref())
	case !r.Phase.Pending():
		return t.end(r, verdict)
	case r.Phase == progress.Promoting:
		return t.promotion(r)
	case r.RequestedHash == t.hash:
		if r.New != nil {
			lines = t.tell(r, sizes(r))
		}
		if r.Phase == progress.Failed {
			return lines, true, errFailed(r)
		}
		return lines, false, nil
	case t.promoted:
		return t.rename(r), true, nil // The next one is under way.
	case r.Cancelled:
		return nil, false, nil // The end says whether somebody did so or the agent, and why.
	}
	return nil, true, errChanged(r)
}

// promotion tells that all pods are new. While another one's is under way, as one that
// was requested before, ours is yet to begin.
func (t *tale) promotion(r progress.Rollout) ([]string, bool, error) {
	ours := r.NewName == t.target || r.NewName == "" && r.RequestedHash == t.hash
	if !ours {
		return nil, false, nil
	}
	lines := t.promote(r)
	if r.New == nil {
		lines = append(lines, t.rename(r)...)
	}
	return lines, false, nil
}

// end is what came of it when no rollout is pending.
func (t *tale) end(r progress.Rollout, verdict progress.Verdict) ([]string, bool, error) {
	switch verdict {
	case progress.WasRolledBack:
		if r.Phase == progress.RolledBack {
			return nil, true, errFailed(r)
		}
		return nil, true, errCancelled(r)
	case progress.Done:
		return t.rename(r), true, nil
	}
	return nil, false, nil
}

// promote tells the last steps, and that the new pods are all there.
func (t *tale) promote(r progress.Rollout) []string {
	if t.promoted {
		return nil
	}
	t.promoted = true
	lines := t.tell(r, map[string]int32{t.target: r.Desired})
	if t.newName != "" {
		return append(lines, "Update succeeded. Deleting "+r.Name())
	}
	return append(lines, "Update succeeded. Deleting old controller: "+r.Name())
}

// rename tells that the new pods are the ReplicationController's. Of one that gets another
// name the old command told nothing more.
func (t *tale) rename(r progress.Rollout) []string {
	lines := t.promote(r)
	if t.renamed || t.newName != "" {
		return lines
	}
	t.renamed = true
	return append(lines, fmt.Sprintf("Renaming %s to %s", t.target, r.Name()))
}

// tell begins to tell if nothing was told yet, and goes on to the sizes.
func (t *tale) tell(r progress.Rollout, sizes map[string]int32) []string {
	var lines []string
	if t.narrator == nil {
		from := t.before
		if from.Phase == progress.Promoting {
			from = r // Another one's end came before.
		}
		t.narrator = narrate(from, t.target)
		t.narrator.newName = t.newName
		lines = t.narrator.begin(r, !t.existed)
	}
	return append(lines, t.narrator.steps(r, sizes)...)
}

// narrate has everything but the target scaled down.
func narrate(from progress.Rollout, target string) *narrator {
	n := &narrator{target: target, told: sizes(from)}
	for _, member := range members(from) {
		if member.Name != target {
			n.old = append(n.old, member.Name)
		}
	}
	return n
}

// members are all ReplicationControllers of a rollout, the user's last.
func members(r progress.Rollout) []rollout.Member {
	all := append([]rollout.Member{}, r.Old...)
	if r.New != nil {
		all = append(all, *r.New)
	}
	return append(all, r.RC)
}

func sizes(r progress.Rollout) map[string]int32 {
	sizes := map[string]int32{}
	for _, member := range members(r) {
		sizes[member.Name] = member.Replicas
	}
	return sizes
}

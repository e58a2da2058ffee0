package rollingupdate

import (
	"fmt"

	"github.com/rcroll/rcroll/pkg/progress"
)

// rollbackTale follows a rollout that was cancelled until the old pods are back.
type rollbackTale struct {
	narrator *narrator
	follower progress.Follower
}

// begin tells what the old command told when it swapped the two.
func (t *rollbackTale) begin(r progress.Rollout) []string {
	t.narrator = narrate(r, r.Name())
	return append([]string{fmt.Sprintf("Setting %q replicas to %d", r.Name(), r.Desired)}, t.narrator.begin(r, false)...)
}

// observe returns the lines to print, and whether the rollback is over.
func (t *rollbackTale) observe(r progress.Rollout) (lines []string, over bool, err error) {
	verdict := t.follower.Observe(r)
	switch {
	case r.Phase == progress.Deleting:
		return nil, true, errDeleted(r.Ref())
	case r.Phase == progress.Settling:
		return nil, false, nil
	case !r.Phase.Pending():
		lines = t.narrator.steps(r, map[string]int32{r.Name(): r.Desired})
		for _, name := range t.narrator.old {
			lines = append(lines, "Update succeeded. Deleting "+name)
		}
		return lines, true, nil
	case !r.Cancelled:
		return nil, true, errNotCancelled(r)
	}
	lines = t.narrator.steps(r, sizes(r))
	if verdict == progress.HasFailed {
		return lines, true, errFailed(r)
	}
	return lines, false, nil
}

package rollingupdate

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/rcroll/rcroll/pkg/progress"
)

// narrator tells of a rollout in the words of the old command. It is shown the sizes of
// the ReplicationControllers as they are seen, some of which may have been missed. Sizes
// go up and down in one direction only, so that the steps between can be filled in:
// each line is told once, and in an order in which the steps can have been.
type narrator struct {
	// target is the one that is scaled up.
	target string

	// newName is what the target is called; empty if it is called what its name is.
	newName string

	// old are those that are scaled down.
	old []string

	// told are the sizes that the lines told so far come to.
	told map[string]int32
}

// begin tells what is about to happen. created says whether the target is new.
func (n *narrator) begin(r progress.Rollout, created bool) []string {
	first := "Continuing update with existing controller " + n.called(n.target) + "."
	if created {
		first = "Created " + n.called(n.target)
	}
	down := make([]string, len(n.old))
	for i, name := range n.old {
		down[i] = fmt.Sprintf("%s from %d to 0", name, n.told[name])
	}
	what := fmt.Sprintf("Scaling up %s from %d to %d", n.called(n.target), n.told[n.target], r.Desired)
	if len(down) > 0 { // A rollback may come before there is anything to scale down.
		what += ", scaling down " + strings.Join(down, ", ")
	}
	least, most := r.Bounds()
	return []string{first, fmt.Sprintf("%s (keep %d pods available, don't exceed %d pods)", what, least, most)}
}

// steps tells how the sizes became those of now.
func (n *narrator) steps(r progress.Rollout, now map[string]int32) []string {
	var lines []string
	scale := func(name string, size int32) {
		direction := "down"
		if size > n.told[name] {
			direction = "up"
		}
		lines = append(lines, fmt.Sprintf("Scaling %s %s to %d", n.called(name), direction, size))
		n.told[name] = size
	}
	// Somebody changed the replicas in between.
	if now[n.target] < n.told[n.target] {
		scale(n.target, now[n.target])
	}
	for _, name := range n.old {
		if now[name] > n.told[name] {
			scale(name, now[name])
		}
	}
	least, most := r.Bounds()
	for {
		total := int64(0)
		for _, size := range n.told {
			total += int64(size)
		}
		down := n.shrinking(now)
		missing := int64(now[n.target]) - int64(n.told[n.target])
		switch room := most - total; {
		case missing > 0 && room > 0:
			scale(n.target, n.told[n.target]+int32(min(missing, room))) //nolint:gosec // at most the size of now
		case down != "":
			spare := max(1, total-least)
			scale(down, n.told[down]-int32(min(spare, int64(n.told[down]-now[down])))) //nolint:gosec // at least the size of now
		case missing > 0:
			scale(n.target, now[n.target])
		default:
			return lines
		}
	}
}

func (n *narrator) called(name string) string {
	if name == n.target {
		return cmp.Or(n.newName, name)
	}
	return name
}

// shrinking is the first of the old that has yet to shrink; empty if none has.
func (n *narrator) shrinking(now map[string]int32) string {
	for _, name := range n.old {
		if now[name] < n.told[name] {
			return name
		}
	}
	return ""
}

package sim

import (
	"fmt"
	"strings"
)

// story is what happened, in words. It is written down only when somebody wants to
// read it: most seeds have a good end.
type story struct {
	told  bool
	lines []string

	// state is what was last said of the store.
	state string
}

func (w *World) tell(format string, args ...any) {
	if w.story.told {
		w.story.lines = append(w.story.lines, fmt.Sprintf("%9.3fs  ", w.now.Seconds())+fmt.Sprintf(format, args...))
	}
}

// tellState says what the store holds, if that changed.
func (w *World) tellState() {
	if !w.story.told {
		return
	}
	if state := w.String(); state != w.story.state {
		w.story.state = state
		w.tell("    %s", state)
	}
}

func (s *story) String() string { return strings.Join(s.lines, "\n") }

// String is the state of the store in one line.
func (w *World) String() string {
	var b strings.Builder
	for _, rc := range w.rcsInOrder() {
		fmt.Fprintf(&b, "%s=%d %s g%d(%d/%d of g%d)", shortName(rc.name), rc.replicas, rc.image, rc.generation,
			rc.status.available, rc.status.pods, rc.status.observed)
		b.WriteString(marksOf(rc))
		if rc.bounds.pending && rc.name == tomcat {
			fmt.Fprintf(&b, " wants %d %s", rc.bounds.desired, rc.bounds.requested)
		}
		b.WriteString("; ")
	}
	for _, pod := range w.podsInOrder() {
		state := "-"
		switch {
		case pod.deleting:
			state = "x"
		case pod.failed:
			state = "!"
		case pod.ready:
			state = "+"
		}
		fmt.Fprintf(&b, "%s%s(%s) ", shortName(pod.name), state, shortName(pod.owner.uid))
	}
	return b.String()
}

func marksOf(rc *RC) string {
	marks := ""
	if rc.sealed() != "" {
		marks += " sealed"
	}
	if rc.adopting() != "" {
		marks += " adopting"
	}
	if rc.deleting {
		marks += " deleting"
	}
	return marks
}

// shortName cuts the hash.
func shortName(name string) string {
	rest, found := strings.CutPrefix(name, tomcat+"-")
	if !found || len(rest) < 32 {
		return name
	}
	return "owned-" + rest[:4] + rest[32:]
}

package rights

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// programs begin the user agents of rcroll's processes. Tests borrow their tokens, and
// have user agents of their own.
var programs = []string{"rcroll-agent/", "rcroll-webhook/", "drain/"}

// Denied returns what rcroll's processes asked for and had no right to, each once. Lines
// of an API server that was killed while it wrote them are left out, and so are refusals
// of what was allowed at another time: an API server that starts refuses everything until
// it has read the roles.
func Denied(log io.Reader) ([]string, error) {
	denied, allowed := map[string]bool{}, map[string]bool{}
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		var event Event
		// Most lines are about others.
		if bytes.Contains(line, []byte(") rcroll/")) && json.Unmarshal(line, &event) == nil && event.own() {
			asked := event.asked()
			denied[asked] = denied[asked] || event.denied()
			allowed[asked] = allowed[asked] || !event.denied()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
	}
	maps.DeleteFunc(denied, func(asked string, is bool) bool { return !is || allowed[asked] })
	return slices.Sorted(maps.Keys(denied)), nil
}

// asked says who asked for which right, and where. A client that is refused a watch lists,
// and watches again.
func (e Event) asked() string {
	right := e.Used()[0]
	if right.Verb == "list" || right.Verb == "watch" {
		right.Verb = "list or watch"
	}
	asked := fmt.Sprintf("%s: %v", e.User.Username, right)
	if e.ObjectRef.Namespace != "" {
		asked += " in " + e.ObjectRef.Namespace
	}
	return asked
}

// own reports whether a process of rcroll made the request.
func (e Event) own() bool {
	return slices.ContainsFunc(programs, func(name string) bool { return strings.HasPrefix(e.UserAgent, name) })
}

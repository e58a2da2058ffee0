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
// of an API server that was killed while it wrote them are left out.
func Denied(log io.Reader) ([]string, error) {
	found := map[string]bool{}
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		var event Event
		// Few lines of a large log are refusals.
		if bytes.Contains(line, []byte(`"code":403`)) && json.Unmarshal(line, &event) == nil && event.own() && event.denied() {
			found[fmt.Sprintf("%s: %v", event.User.Username, event.Used()[0])] = true
		}
		if err == io.EOF {
			return slices.Sorted(maps.Keys(found)), nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
	}
}

// own reports whether a process of rcroll made the request.
func (e Event) own() bool {
	return slices.ContainsFunc(programs, func(name string) bool { return strings.HasPrefix(e.UserAgent, name) })
}

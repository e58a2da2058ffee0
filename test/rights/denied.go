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
var programs = []string{"rcroll-agent/", "rcroll-agent-drain/", "rcroll-webhook/"}

// Denied returns what rcroll's processes asked for and had no right to, each once. Refusals
// of what was allowed at another time are left out: an API server that starts refuses
// everything until it has read the roles.
func Denied(log io.Reader) ([]string, error) {
	denied, allowed := map[right]string{}, map[right]bool{}
	err := EachOwn(log, func(event Event) {
		asked := event.asked()
		if event.denied() {
			denied[asked] = fmt.Sprintf("%s: %v%s", asked.user, asked.used, event.where())
		} else {
			allowed[asked] = true
		}
	})
	maps.DeleteFunc(denied, func(asked right, _ string) bool { return allowed[asked] })
	return slices.Sorted(maps.Values(denied)), err
}

// EachOwn goes through the requests of rcroll's processes. Lines of an API server that was
// killed while it wrote them are left out.
func EachOwn(log io.Reader, do func(Event)) error {
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		var event Event
		// Most lines are about others.
		if bytes.Contains(line, []byte(") rcroll/")) && json.Unmarshal(line, &event) == nil && event.own() {
			do(event)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
	}
}

// right is what was asked for. No role is about a single namespace but the account's own.
type right struct {
	user       string
	used       Right
	own, other bool
}

// asked is the right that a request needs. A client that is refused a watch lists, and
// watches again.
func (e Event) asked() right {
	used := e.Used()[0]
	if used.Verb == "list" || used.Verb == "watch" {
		used.Verb = "list or watch"
	}
	if used.Verb == "create" {
		used.Name = "" // which is known only of what was created
	}
	namespace := e.ObjectRef.Namespace
	own := strings.HasPrefix(e.User.Username, "system:serviceaccount:"+namespace+":")
	return right{user: e.User.Username, used: used, own: own, other: !own && namespace != ""}
}

func (e Event) where() string {
	if e.ObjectRef.Namespace == "" {
		return ""
	}
	return " in " + e.ObjectRef.Namespace
}

// own reports whether a process of rcroll made the request.
func (e Event) own() bool {
	return slices.ContainsFunc(programs, func(name string) bool { return strings.HasPrefix(e.UserAgent, name) })
}

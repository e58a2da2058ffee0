package audit

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Key is a kind of request.
type Key struct {
	// Who is the component that made the request.
	Who string `json:"who"`

	// Verb is the API's, or DryRun.
	Verb string `json:"verb"`

	Resource string `json:"resource"`
}

// DryRun is the verb of a create that stores nothing.
const DryRun = "dry-run"

// Events is the resource that is counted separately: events are written when there is
// time, may be dropped, and are rate-limited per object.
const Events = "events"

// Counts are the numbers of requests by kind. Requests that the API server refused
// count as well, since they cost as much.
type Counts map[Key]int

// Add counts a request.
func (c Counts) Add(r Request) {
	key := Key{Who: who(r.User), Verb: r.Verb, Resource: r.Resource}
	if r.DryRun {
		key.Verb = DryRun
	}
	c[key]++
}

// Refused reports whether the API server refused the request.
func (r Request) Refused() bool { return r.Code >= http.StatusBadRequest }

// IsWrite reports whether a request of this kind changes something.
func (k Key) IsWrite() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, k.Verb)
}

// Writes returns the number of writes except those of events.
func (c Counts) Writes() int {
	return c.sum(func(k Key) bool { return k.IsWrite() && k.Resource != Events })
}

// EventWrites returns the number of writes of events.
func (c Counts) EventWrites() int {
	return c.sum(func(k Key) bool { return k.IsWrite() && k.Resource == Events })
}

// Reads returns the number of reads; a dry run is neither a read nor a write.
func (c Counts) Reads() int {
	return c.sum(func(k Key) bool { return !k.IsWrite() && k.Verb != DryRun })
}

func (c Counts) sum(counts func(Key) bool) int {
	total := 0
	for key, n := range c {
		if counts(key) {
			total += n
		}
	}
	return total
}

// Keys returns the kinds in any of the counts, sorted.
func Keys(all ...Counts) []Key {
	union := Counts{}
	for _, counts := range all {
		maps.Copy(union, counts)
	}
	return slices.SortedFunc(maps.Keys(union), func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Who, b.Who), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Verb, b.Verb))
	})
}

// names of the users that are not service accounts in kube-system.
var names = map[string]string{
	"system:serviceaccount:rcroll-system:rcroll-agent":   "rcroll agent",
	"system:serviceaccount:rcroll-system:rcroll-webhook": "rcroll webhook",
	"system:kube-scheduler":                              "scheduler",
	"kwok":                                               "kubelet",
	User:                                                 "user",
}

// User is the user name of the benchmark itself.
const User = "admin"

func who(user string) string {
	if name, known := names[user]; known {
		return name
	}
	return strings.TrimPrefix(user, "system:serviceaccount:kube-system:")
}

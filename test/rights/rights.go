// Package rights compares what an account may do with what it does, as the API server's
// audit log says: a right that is missing is an error of the roles, and so is one that
// nothing needs.
package rights

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rcroll/rcroll/pkg/api"
)

// Right is one verb on one resource, which has its subresource after a slash.
type Right struct {
	Verb, Group, Resource string

	// Name is that of the only object it is about; empty for all.
	Name string
}

func (r Right) String() string {
	text := r.Verb + " " + r.Resource
	if r.Group != "" {
		text += "." + r.Group
	}
	if r.Name != "" {
		text += " " + r.Name
	}
	return text
}

// covers reports whether the use of another right is one of this.
func (r Right) covers(used Right) bool {
	return r.Verb == used.Verb && r.Group == used.Group && r.Resource == used.Resource && (r.Name == "" || r.Name == used.Name)
}

// Granted are the rights that rules about resources grant. A wildcard is an error: nobody
// can tell what of it is used.
func Granted(rules []rbacv1.PolicyRule) ([]Right, error) {
	var granted []Right
	for _, rule := range rules {
		if slices.Contains(slices.Concat(rule.Verbs, rule.APIGroups, rule.Resources, rule.NonResourceURLs), "*") {
			return nil, fmt.Errorf("a wildcard: %s", rule.String())
		}
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					for _, name := range names {
						granted = append(granted, Right{Verb: verb, Group: group, Resource: resource, Name: name})
					}
				}
			}
		}
	}
	return granted, nil
}

// Event is the part of a line of the audit log that is used.
type Event struct {
	Verb      string `json:"verb"`
	UserAgent string `json:"userAgent"`
	User      struct {
		Username string `json:"username"`
	} `json:"user"`
	ImpersonatedUser       *User `json:"impersonatedUser"`
	AuthenticationMetadata struct {
		ImpersonationConstraint string `json:"impersonationConstraint"`
	} `json:"authenticationMetadata"`
	ObjectRef struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	Annotations map[string]string `json:"annotations"`
}

// User is whom a request was in the name of.
type User struct {
	Username string              `json:"username"`
	UID      string              `json:"uid"`
	Groups   []string            `json:"groups"`
	Extra    map[string][]string `json:"extra"`
}

// Used are the rights of its sender that a request needs.
func (e Event) Used() []Right {
	resource := e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		resource += "/" + e.ObjectRef.Subresource
	}
	request := Right{Verb: e.Verb, Group: e.ObjectRef.APIGroup, Resource: resource, Name: e.ObjectRef.Name}
	if e.ImpersonatedUser == nil {
		return []Right{request}
	}
	// Whether that user may do it is not the sender's business.
	mode := e.AuthenticationMetadata.ImpersonationConstraint
	request.Verb = "impersonate-on:" + strings.TrimPrefix(mode, "impersonate:") + ":" + e.Verb
	used := []Right{request}
	as := func(resource string) {
		used = append(used, Right{Verb: mode, Group: "authentication.k8s.io", Resource: resource})
	}
	if mode == "impersonate:serviceaccount" {
		as("serviceaccounts")
		return used
	}
	as("users")
	if len(e.ImpersonatedUser.Groups) > 0 {
		as("groups")
	}
	if e.ImpersonatedUser.UID != "" {
		as("uids")
	}
	for _, key := range slices.Sorted(maps.Keys(e.ImpersonatedUser.Extra)) {
		as("userextras/" + key)
	}
	return used
}

// denied reports whether the sender lacked a right. What a policy refused was allowed
// before, and the webhook's probe, whether it may impersonate, is there to be denied before
// Kubernetes 1.36.
func (e Event) denied() bool {
	return e.ResponseStatus.Code == http.StatusForbidden && e.ImpersonatedUser == nil && e.ObjectRef.Name != api.ProbeName &&
		e.Annotations["authorization.k8s.io/decision"] != "allow"
}

// Compare returns what is wrong: every request that was denied, and every right that no
// request used, unless there is a reason why none does, by the right's text.
func Compare(granted []Right, events []Event, reasons map[string]string) []string {
	problems := map[string]bool{}
	var used []Right
	for _, event := range events {
		if event.denied() {
			problems[fmt.Sprintf("denied: %v", event.Used()[0])] = true
			continue
		}
		used = append(used, event.Used()...)
	}
	for _, right := range granted {
		if reasons[right.String()] == "" && !slices.ContainsFunc(used, right.covers) {
			problems["never used: "+right.String()] = true
		}
	}
	names := make([]string, len(granted))
	for i, right := range granted {
		names[i] = right.String()
	}
	for name := range reasons {
		if !slices.Contains(names, name) {
			problems["not granted, though there is a reason not to use it: "+name] = true
		}
	}
	return slices.Sorted(maps.Keys(problems))
}

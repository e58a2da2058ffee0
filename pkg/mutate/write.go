package mutate

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
)

// Write is one admission request for a ReplicationController.
type Write struct {
	// Old is the object before the write; nil when it is created.
	Old *unstructured.Unstructured

	// New is the object that the client asked for, as the API server decoded and
	// defaulted it, with field ownership already computed.
	New *unstructured.Unstructured

	// User is the authenticated user's name.
	User string

	// FieldManager is that of the write's options; the API server fills it in
	// from the user agent where the client gave none.
	FieldManager string

	// DryRun is set if nothing is stored.
	DryRun bool

	// Time is that of the review.
	Time time.Time

	// Owner is the ReplicationController that controls New, as it is stored, where
	// CreatesOwned; nil if there is none by that name.
	Owner *unstructured.Unstructured

	// Policies are those that select New, and MayOverride the names of those that the user
	// may override, of all Overrides.
	Policies    policy.Effective
	MayOverride []string

	// MayApprove is set if the user may approve the steps of the policy that Approves names.
	MayApprove bool

	// Stored answers Decision.Question: the spec that the API server would store; nil if
	// it was not asked.
	Stored api.Spec
}

// entries are the labels or the annotations of an object before and after a write.
type entries struct{ before, after map[string]string }

func (w Write) annotations() entries {
	e := entries{after: w.New.GetAnnotations()}
	if w.Old != nil {
		e.before = w.Old.GetAnnotations()
	}
	return e
}

// setsAnnotation reports whether the write adds the annotation or changes its value.
func (w Write) setsAnnotation(key string) bool {
	after, has := annotation(w.New, key)
	if w.Old == nil {
		return has
	}
	before, had := annotation(w.Old, key)
	return has && (!had || before != after)
}

func (w Write) labels() entries {
	e := entries{after: w.New.GetLabels()}
	if w.Old != nil {
		e.before = w.Old.GetLabels()
	}
	return e
}

// sets reports whether the write adds a key or changes its value.
func (e entries) sets(key string) bool {
	before, had := e.before[key]
	after, has := e.after[key]
	return has && (!had || before != after)
}

// changed are the keys with rcroll's prefix that the write adds, changes or removes, in
// their order.
func (e entries) changed() []string {
	var keys []string
	for key := range e.after {
		if strings.HasPrefix(key, api.Prefix) && e.sets(key) {
			keys = append(keys, key)
		}
	}
	for key := range e.before {
		if _, has := e.after[key]; !has && strings.HasPrefix(key, api.Prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

package mutate

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

// Meaning says in one word how a write was understood.
type Meaning string

const (
	// Passes: stored as it was sent.
	Passes Meaning = "Passes"
	// Requests: recorded as the request of a new rollout.
	Requests Meaning = "Requests"
	// Retargets: the pending request was changed.
	Retargets Meaning = "Retargets"
	// Cancels: the request is now what is live already; the agent rolls back.
	Cancels Meaning = "Cancels"
	// Repeats: the request was pending already.
	Repeats Meaning = "Repeats"
	// Ignored: nothing of it is stored.
	Ignored Meaning = "Ignored"
	// Steps: a command of the agent was carried out.
	Steps Meaning = "Steps"
	// Refused: see Decision.Refusal.
	Refused Meaning = "Refused"
)

// Decision is the answer to a Write.
type Decision struct {
	Meaning Meaning

	// Object is what is to be stored instead of Write.New, of which it shares all that
	// is the same; nil if refused.
	Object *unstructured.Unstructured

	// Refusal tells the user what is wrong, where, and what to do.
	Refusal error

	// Stale is set on the refusal of a command that was written for an older state of
	// the object: observing again is the remedy.
	Stale bool

	// Warnings are for the user's terminal.
	Warnings []string

	// Question, if not nil, is what the user wants the object to be. The API server has to
	// be asked what it would store if the user wrote that, and its answer is needed in
	// Write.Stored before anything can be decided: all other fields are empty then.
	Question *unstructured.Unstructured
}

func passes(object *unstructured.Unstructured) Decision {
	return Decision{Meaning: Passes, Object: object}
}

func refuse(err error) Decision {
	return Decision{Meaning: Refused, Refusal: err}
}

// NeedsNewRC reports whether a request needs a ReplicationController that no earlier one did.
func NeedsNewRC(write Write, wanted api.Spec, options Options) bool {
	key := options.HashLabelKey
	if wanted.SameTemplate(api.SpecOf(write.Old), key) {
		return false
	}
	pending, err := api.ParseSpec(write.Old.GetAnnotations()[api.RequestAnnotation])
	return err != nil || !wanted.SameTemplate(pending, key)
}

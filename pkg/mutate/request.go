package mutate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rcroll/rcroll/pkg/api"
)

// request judges a user's write while nothing is pending: it is kept back if
// there are pods to replace by it, and passes otherwise.
func request(write Write, options Options) Decision {
	key := options.HashLabelKey
	live, wanted := api.SpecOf(write.Old).Unlabelled(key), api.SpecOf(write.New).Unlabelled(key)
	if !triggers(live, wanted, options) {
		object, err := keepRollLabels(write, key)
		if err != nil {
			return Decision{Meaning: Refused, Refusal: err}
		}
		return passes(object)
	}
	// A setting may have been broken while nobody was asked.
	if err := checkSettings(write, nil); err != nil {
		return Decision{Meaning: Refused, Refusal: err}
	}
	return record(write, Requests, wanted, nil, options)
}

// triggers tells whether a change asks for pods to be replaced. Without any pod
// desired, before or after, there is nothing to roll.
func triggers(live, wanted api.Spec, options Options) bool {
	if live.Replicas() == 0 || wanted.Replicas() == 0 {
		return false
	}
	if options.AnyTemplateChange {
		return !live.SameTemplate(wanted, options.HashLabelKey)
	}
	return !live.SameImages(wanted)
}

// amend judges a user's write while a request is pending: whatever it wants of
// the spec goes to the request.
func amend(write Write, pending api.Spec, options Options) Decision {
	key := options.HashLabelKey
	live := api.SpecOf(write.Old).Unlabelled(key)
	if isCancelGesture(write) {
		return record(write, Cancels, live.WithReplicas(pending.Replicas()), pending, options)
	}
	wanted, err := meant(write, live, pending, options)
	if err != nil {
		return refuse("%s: spec: this change cannot be added to the pending request: %v", name(write.Old), err)
	}
	switch {
	case wanted.SameTemplate(live, key):
		return record(write, Cancels, wanted, pending, options)
	case wanted.Equal(pending):
		return record(write, Repeats, wanted, pending, options)
	}
	return record(write, Retargets, wanted, pending, options)
}

// meant is the spec that a user wants who made this write while another one was
// pending. Declared intent replaces the pending request, except for replicas
// that the manifest does not state; imperative intent is added to it.
func meant(write Write, live, pending api.Spec, options Options) (api.Spec, error) {
	wanted := api.SpecOf(write.New).Unlabelled(options.HashLabelKey)
	declared := declaration(write, options)
	if declared == nil {
		return merge(live, wanted, pending)
	}
	if replicas := declared.replicas; replicas != nil {
		return wanted.WithReplicas(*replicas), nil
	}
	return wanted.WithReplicas(pending.Replicas()), nil
}

// record stores the request in the annotation and puts the whole live spec back:
// an old image with a new environment must never run.
func record(write Write, meaning Meaning, wanted, pending api.Spec, options Options) Decision {
	if err := validate(write, meaning, wanted, options.HashLabelKey); err != nil {
		return Decision{Meaning: Refused, Refusal: err}
	}
	object := deepCopy(write.New)
	setSpec(object, api.SpecOf(write.Old))
	setEntry(object, "annotations", api.RequestAnnotation, wanted.String())
	deleteEntry(object, "annotations", api.PlanAnnotation)
	setEntry(object, "labels", api.RollingLabel, api.True)
	if err := guardSize(object); err != nil {
		return Decision{Meaning: Refused, Refusal: err}
	}

	decision := Decision{Meaning: meaning, Object: object, Warnings: warnings(write, meaning, wanted, pending)}
	if meaning == Requests || meaning == Retargets {
		decision.Validate = wanted
	}
	return decision
}

// validate checks what the API server will not see: the hash label's key in the
// user's hands, and the fields that a request can change without a new template.
func validate(write Write, meaning Meaning, wanted api.Spec, key string) error {
	spec := field.NewPath("spec")
	if value, ok := wanted.TemplateLabels()[key]; ok && meaning != Repeats {
		return fmt.Errorf("%s: %w", name(write.New), field.Invalid(
			spec.Child("template", "metadata", "labels").Key(key), value,
			"rcroll tells the pods of different templates apart by this label; rename yours, "+
				"opt out with the annotation "+api.EnabledKey+"=false, or have the administrator choose another --hash-label-key"))
	}
	if meaning != Cancels {
		return nil
	}
	var problems field.ErrorList
	for _, fieldName := range []string{"replicas", "minReadySeconds"} {
		value, _ := wanted[fieldName].(int64)
		problems = append(problems, validation.ValidateNonnegativeField(value, spec.Child(fieldName))...)
	}
	if !labels.SelectorFromSet(wanted.Selector()).Matches(labels.Set(wanted.TemplateLabels())) {
		problems = append(problems, field.Invalid(spec.Child("template", "metadata", "labels"), wanted.TemplateLabels(),
			"`selector` does not match template `labels`"))
	}
	if err := problems.ToAggregate(); err != nil {
		return fmt.Errorf("%s: %w", name(write.New), err)
	}
	return nil
}

// warnings tell the user what was understood, what happens and how to follow it.
func warnings(write Write, meaning Meaning, wanted, pending api.Spec) []string {
	rc := name(write.Old)
	var told string
	switch {
	case meaning == Requests:
		told = fmt.Sprintf("rolling update to %s requested; the pods are replaced gradually", images(wanted))
	case meaning == Cancels:
		told = fmt.Sprintf("the rolling update under way is cancelled; the pods go back to %s", images(wanted))
	case meaning == Repeats && !unchanged(write):
		return nil // it was about something else
	case meaning == Repeats:
		told = fmt.Sprintf("nothing changes; the rolling update to %s goes on; cancel it with: kubectl annotate %s %s-",
			images(wanted), rc, api.RequestAnnotation)
	default:
		told = retargeted(wanted, pending)
	}
	return []string{fmt.Sprintf("%s: %s; %s", rc, told, follow(rc))}
}

func retargeted(wanted, pending api.Spec) string {
	switch {
	case !wanted.SameImages(pending):
		return fmt.Sprintf("the rolling update under way goes to %s now", images(wanted))
	case wanted.WithReplicas(pending.Replicas()).Equal(pending):
		return fmt.Sprintf("the rolling update under way ends at %d replicas now", wanted.Replicas())
	}
	return fmt.Sprintf("the rolling update under way, to %s, takes this change along", images(wanted))
}

func follow(rc string) string { return "follow it with: kubectl describe " + rc }

func images(spec api.Spec) string {
	return strings.Join(slices.Compact(slices.Sorted(maps.Values(spec.Images()))), ", ")
}

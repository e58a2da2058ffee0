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
	return record(write, Requests, nil, wanted, options)
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
	wanted, err := meant(write, live, pending, options)
	if err != nil {
		return refuse("%s: spec: this change cannot be added to the pending request: %v", name(write.Old), err)
	}
	// Asked again, even where it is live already (while it is promoted, or once it
	// was cancelled), a request stays what it is.
	switch {
	case wanted.Equal(pending):
		return record(write, Repeats, pending, wanted, options)
	case wanted.SameTemplate(live, key) && !pending.SameTemplate(live, key):
		return record(write, Cancels, pending, wanted, options)
	}
	return record(write, Retargets, pending, wanted, options)
}

// meant is the spec that a user wants who made this write while another one was
// pending. To forget the request is to want what is live. Declared intent replaces
// the pending request, except for replicas that the manifest does not state;
// imperative intent is added to it.
func meant(write Write, live, pending api.Spec, options Options) (api.Spec, error) {
	if isCancelGesture(write) {
		return live.WithReplicas(pending.Replicas()), nil
	}
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

// record stores the request in the annotation, in place of the pending one if there
// is one, and puts the whole live spec back: an old image with a new environment must
// never run.
func record(write Write, meaning Meaning, pending, wanted api.Spec, options Options) Decision {
	isLive := wanted.SameTemplate(api.SpecOf(write.Old), options.HashLabelKey)
	if meaning != Repeats {
		if err := validate(write, wanted, isLive, options.HashLabelKey); err != nil {
			return Decision{Meaning: Refused, Refusal: err}
		}
	}
	object := editable(write.New)
	setSpec(object, api.SpecOf(write.Old))
	setEntry(object, "annotations", api.RequestAnnotation, wanted.String())
	setEntry(object, "labels", api.RollingLabel, api.True)
	if err := guardSize(object); err != nil {
		return Decision{Meaning: Refused, Refusal: err}
	}

	decision := Decision{Meaning: meaning, Object: object, Warnings: warnings(write, meaning, pending, wanted, options.HashLabelKey)}
	if meaning != Repeats && !isLive {
		decision.Validate = wanted
	}
	return decision
}

// validate checks what the API server will not see: the hash label's key in the
// user's hands, and the fields that a request can change without a new template.
func validate(write Write, wanted api.Spec, isLive bool, key string) error {
	spec := field.NewPath("spec")
	if value, ok := wanted.TemplateLabels()[key]; ok {
		return fmt.Errorf("%s: %w", name(write.New), field.Invalid(
			spec.Child("template", "metadata", "labels").Key(key), value,
			"rcroll tells the pods of different templates apart by this label; rename yours, "+
				"opt out with the annotation "+api.EnabledKey+"=false, or have the administrator choose another --hash-label-key"))
	}
	if !isLive {
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
func warnings(write Write, meaning Meaning, pending, wanted api.Spec, key string) []string {
	rc := name(write.Old)
	switch meaning {
	case Requests:
		return []string{fmt.Sprintf("%s: rolling update to %s requested; the pods are replaced gradually; %s", rc, images(wanted), follow(rc))}
	case Retargets, Cancels:
		return []string{fmt.Sprintf("%s: %s; %s", rc, turn(write, meaning, pending, wanted, key), follow(rc))}
	}
	if !unchanged(write) && !isCancelGesture(write) {
		return nil // it was about something else
	}
	words := fmt.Sprintf("%s: nothing changes; the rolling update to %s goes on; %s", rc, images(wanted), follow(rc))
	if !wanted.SameTemplate(api.SpecOf(write.Old), key) {
		words += fmt.Sprintf("; to cancel it: kubectl annotate %s %s-", rc, api.RequestAnnotation)
	}
	return []string{words}
}

// turn says in which direction a write turns the rolling update under way.
func turn(write Write, meaning Meaning, pending, wanted api.Spec, key string) string {
	switch {
	case wanted.SameTemplate(pending, key) && wanted.Replicas() != pending.Replicas():
		return scaled(wanted)
	case wanted.SameTemplate(pending, key):
		return fmt.Sprintf("the rolling update to %s under way takes this change along", images(wanted))
	case meaning == Cancels:
		return fmt.Sprintf("the rolling update under way is cancelled; the pods go back to %s", images(wanted))
	case api.SpecOf(write.Old).Marked():
		return fmt.Sprintf("rolling update to %s requested; it begins when the one under way has ended, within moments", images(wanted))
	}
	return fmt.Sprintf("the rolling update under way goes to %s now", images(wanted))
}

func scaled(wanted api.Spec) string {
	return fmt.Sprintf("the rolling update under way ends at %d replicas now", wanted.Replicas())
}

func follow(rc string) string { return "follow it with: kubectl describe " + rc }

func images(spec api.Spec) string {
	return strings.Join(slices.Compact(slices.Sorted(maps.Values(spec.Images()))), ", ")
}

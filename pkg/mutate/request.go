package mutate

import (
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
		object, err := keepHashLabel(write, key)
		if err != nil {
			return refuse(err)
		}
		return passes(object)
	}
	// A setting may have been broken while nobody was asked.
	if err := checkSettings(name(write.New), write.New.GetAnnotations(), nil); err != nil {
		return refuse(err)
	}
	return record(write, Requests, nil, wanted, options)
}

// triggers reports whether a change asks for pods to be replaced. Without any pod
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
		return refuse(errNotMergeable(name(write.Old), err))
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
// pending. To forget the request is to want what is live. A declaration replaces the
// pending request, except for replicas that the manifest does not state; imperative
// intent is added to it.
func meant(write Write, live, pending api.Spec, options Options) (api.Spec, error) {
	if isCancelGesture(write) {
		return live.WithReplicas(pending.Replicas()), nil
	}
	wanted := api.SpecOf(write.New).Unlabelled(options.HashLabelKey)
	declared := declarationOf(write, options)
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
		if err := validate(name(write.New), wanted, isLive, options.HashLabelKey); err != nil {
			return refuse(err)
		}
	}
	object := shallowCopy(write.New)
	setSpec(object, api.SpecOf(write.Old))
	setAnnotation(object, api.RequestAnnotation, wanted.String())
	setLabel(object, api.RollingLabel, api.True)
	if err := guardSize(object); err != nil {
		return refuse(err)
	}

	decision := Decision{Meaning: meaning, Object: object, Warnings: warnings(write, meaning, pending, wanted, options.HashLabelKey)}
	if meaning != Repeats && !isLive {
		decision.Validate = wanted
	}
	return decision
}

// validate checks what the API server will not see: the hash label's key in the
// user's hands, and the fields that a request can change without a new template.
func validate(rc string, wanted api.Spec, isLive bool, key string) error {
	if err := guardHashLabel(rc, wanted, key); err != nil || !isLive {
		return err
	}
	var problems field.ErrorList
	for _, fieldName := range []string{"replicas", "minReadySeconds"} {
		value, _ := wanted[fieldName].(int64)
		problems = append(problems, validation.ValidateNonnegativeField(value, specPath.Child(fieldName))...)
	}
	if !labels.SelectorFromSet(wanted.Selector()).Matches(labels.Set(wanted.TemplateLabels())) {
		problems = append(problems, errSelectorMismatch(wanted.TemplateLabels()))
	}
	if err := problems.ToAggregate(); err != nil {
		return about(rc, err)
	}
	return nil
}

// warnings tell the user what was understood, what happens and how to follow it.
func warnings(write Write, meaning Meaning, pending, wanted api.Spec, key string) []string {
	rc, live := name(write.Old), api.SpecOf(write.Old)
	switch {
	case meaning == Requests:
		return []string{warnRequested(rc, images(wanted))}
	case meaning == Repeats && !isUnchanged(write) && !isCancelGesture(write):
		return nil // it was about something else
	case meaning == Repeats:
		return []string{warnUnchanged(rc, images(wanted), !wanted.SameTemplate(live, key))}
	case wanted.SameTemplate(pending, key) && wanted.Replicas() != pending.Replicas():
		return []string{warnScaled(rc, wanted.Replicas())}
	case wanted.SameTemplate(pending, key):
		return []string{warnAdded(rc, images(wanted))}
	case meaning == Cancels:
		return []string{warnCancelled(rc, images(wanted))}
	case live.Marked():
		return []string{warnQueued(rc, images(wanted))}
	}
	return []string{warnRetargeted(rc, images(wanted))}
}

// images names the images of a spec, each once and in order.
func images(spec api.Spec) string {
	return strings.Join(slices.Compact(slices.Sorted(maps.Values(spec.Images()))), ", ")
}

package mutate

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rcroll/rcroll/pkg/api"
)

// request judges a user's write while nothing is pending: it is kept back if
// there are pods to replace by it, and passes otherwise.
func request(write Write, options Options) Decision {
	key := options.HashLabelKey
	live, wanted := api.SpecOf(write.Old).Unlabelled(key), api.SpecOf(write.New).Unlabelled(key)
	if !triggers(write, live, wanted, options) {
		return passUnrolled(write, live, wanted, key)
	}
	// A setting may have been broken while nobody was asked.
	if err := cmp.Or(checkSettings(name(write.New), write.New.GetAnnotations(), nil), guardHashLabel(name(write.New), wanted, key)); err != nil {
		return refuse(err)
	}
	if write.Stored == nil {
		return ask(write, wanted, key)
	}
	if wanted = write.Stored.Unlabelled(key); !triggers(write, live, wanted, options) {
		return passUnrolled(write, live, wanted, key) // What differs is not stored.
	}
	return record(write, Requests, nil, wanted, options)
}

// triggers reports whether a change asks for pods to be replaced. Without any pod
// desired, before or after, there is nothing to roll.
func triggers(write Write, live, wanted api.Spec, options Options) bool {
	if live.Replicas() == 0 || wanted.Replicas() == 0 {
		return false
	}
	switch trigger(write, options) {
	case api.TriggerNone:
		return false
	case api.TriggerTemplate:
		return !live.SameTemplate(wanted, options.HashLabelKey)
	}
	restarts := func(key string) bool { return live.TemplateAnnotation(key) != wanted.TemplateAnnotation(key) }
	return !live.SameImages(wanted) || slices.ContainsFunc(options.RestartAnnotations, restarts)
}

// passUnrolled stores a change as it was sent. Where it is one of the template it is for
// the pods to come only, which the user may not expect.
func passUnrolled(write Write, live, wanted api.Spec, key string) Decision {
	object, err := keepHashLabel(write, key)
	if err := cmp.Or(err, guardImages(write, wanted, live, key)); err != nil {
		return refuse(err)
	}
	decision := passes(object)
	if live.Replicas() > 0 && wanted.Replicas() > 0 && !api.Same(live["template"], wanted["template"]) {
		decision.Warnings = []string{warnNotReplaced(name(write.New))}
	}
	return decision
}

// ask is the question what the API server would store if the user wrote the wanted spec,
// labels and annotations. What is rcroll's in the object stays as it is, the marks of a
// promotion included: the question is not about that.
func ask(write Write, wanted api.Spec, key string) Decision {
	if err := guardSpecSize(name(write.New), wanted); err != nil {
		return refuse(err)
	}
	object := shallowCopy(write.New)
	selector, template := api.SpecOf(write.Old).RollLabels(key)
	setSpec(object, wanted.Labelled(selector, template))
	restoreReserved(object, write.Old)
	return Decision{Question: object}
}

// restoreReserved gives the object what is rcroll's in the metadata of another one.
func restoreReserved(object, from *unstructured.Unstructured) {
	kept := from.GetAnnotations()
	maps.DeleteFunc(kept, func(key, _ string) bool { return !isReserved(key) })
	if len(kept) > 0 {
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		maps.Copy(annotations, kept)
		object.SetAnnotations(annotations)
	}
	if value, found := from.GetLabels()[api.RollingLabel]; found {
		setLabel(object, api.RollingLabel, value)
	}
}

// amend judges a user's write while a request is pending: whatever it wants of
// the spec goes to the request.
func amend(write Write, pending api.Spec, options Options) Decision {
	key := options.HashLabelKey
	live := api.SpecOf(write.Old).Unlabelled(key)
	wanted := write.Stored.Unlabelled(key)
	if write.Stored == nil {
		var err error
		if wanted, err = meant(write, live, pending, options); err != nil {
			return refuse(errNotMergeable(name(write.Old), err))
		}
		// To go back to what is live, and no more, needs nobody's consent.
		if !wanted.Equal(pending) && !wanted.Equal(live.WithReplicas(pending.Replicas())) {
			if err := guardHashLabel(name(write.New), wanted, key); err != nil {
				return refuse(err)
			}
			return ask(write, wanted, key)
		}
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
// pending request, or the containers that it is about, except for replicas that the manifest
// does not state; imperative intent is added to it.
func meant(write Write, live, pending api.Spec, options Options) (api.Spec, error) {
	if isCancelGesture(write) {
		return live.WithReplicas(pending.Replicas()), nil
	}
	wanted := api.SpecOf(write.New).Unlabelled(options.HashLabelKey)
	declared := declarationOf(write, options)
	if declared == nil || declared.containers != nil {
		merged, err := merge(live, withoutStaleShare(write, live, wanted, pending), pending)
		if declared == nil || err != nil {
			return merged, err
		}
		wanted = merged.WithContainersOf(wanted, declared.containers)
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
	key := options.HashLabelKey
	isLive := wanted.SameTemplate(api.SpecOf(write.Old), key)
	if meaning != Repeats && isLive {
		if err := validate(name(write.New), wanted, key); err != nil {
			return refuse(err)
		}
	}
	if err := guardImages(write, wanted, pending, key); err != nil && !isLive {
		return refuse(err)
	}
	object := shallowCopy(write.New)
	setSpec(object, api.SpecOf(write.Old))
	restoreReserved(object, write.Old)
	setAnnotation(object, api.RequestAnnotation, wanted.String())
	setLabel(object, api.RollingLabel, api.True)
	if meaning == Requests {
		setAnnotation(object, api.LiveAnnotation, api.SpecOf(write.Old).Hash(key))
	}
	sameTemplate := pending != nil && wanted.SameTemplate(pending, key)
	if !sameTemplate {
		setAnnotation(object, api.RequestedByAnnotation, write.User)
		setAnnotation(object, api.RequestedAtAnnotation, write.Time.UTC().Format(time.RFC3339))
	}
	if meaning != Repeats {
		setPromoted(object, wanted.Hash(key), isLive)
	}
	keepApproval(object, write, sameTemplate)
	if pending != nil && !sameTemplate {
		endOverride(object, write)
	}
	setChangeCause(object, write, sameTemplate)
	if err := guardSize(object); err != nil {
		return refuse(err)
	}
	return Decision{Meaning: meaning, Object: object, Warnings: warnings(write, object, meaning, pending, wanted, key)}
}

// setPromoted marks a request whose template is live, and takes the mark of another
// request away.
func setPromoted(object *unstructured.Unstructured, hash string, isLive bool) {
	switch {
	case isLive:
		setAnnotation(object, api.PromotedAnnotation, hash)
	case object.GetAnnotations()[api.PromotedAnnotation] != hash:
		removeAnnotations(object, api.PromotedAnnotation)
	}
}

// changeCause is the annotation by which users say why they change something.
const changeCause = "kubernetes.io/change-cause"

// setChangeCause keeps the cause of a request for the history. It counts if it was changed
// in the same write, or later while the same template is requested: kubectl annotate comes
// after kubectl set image. One that was there before is of an earlier change.
func setChangeCause(object *unstructured.Unstructured, write Write, sameTemplate bool) {
	cause, _ := annotation(write.New, changeCause)
	before, _ := annotation(write.Old, changeCause)
	switch isChanged := cause != before; {
	case isChanged && cause != "":
		setAnnotation(object, api.ChangeCauseAnnotation, cause)
	case isChanged || !sameTemplate:
		removeAnnotations(object, api.ChangeCauseAnnotation)
	}
}

// validate checks what the API server is not asked about a request for the live
// template: the hash label's key in the user's hands, and the fields that it can change.
func validate(rc string, wanted api.Spec, key string) error {
	if err := guardHashLabel(rc, wanted, key); err != nil {
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
func warnings(write Write, recorded *unstructured.Unstructured, meaning Meaning, pending, wanted api.Spec, key string) []string {
	rc, live := name(write.Old), api.SpecOf(write.Old)
	switch {
	case meaning == Requests:
		return append([]string{warnRequested(rc, images(wanted))}, warnHolds(write, recorded, meaning)...)
	case meaning == Repeats && !repeatsLive(write, key) && !isCancelGesture(write) && !saysLive(write, pending, key):
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
	return append([]string{warnRetargeted(rc, images(wanted))}, warnHolds(write, recorded, meaning)...)
}

// images names the images of a spec, each once and in order.
func images(spec api.Spec) string {
	return strings.Join(spec.DistinctImages(), ", ")
}

// saysLive reports whether a write states the live template, of a copy or along with other
// replicas, while another one is requested: its author may have meant to cancel.
func saysLive(write Write, pending api.Spec, key string) bool {
	live, wanted := api.SpecOf(write.Old), api.SpecOf(write.New)
	return wanted.SameTemplate(live, key) && !wanted.SameTemplate(pending, key) &&
		(!live.Equal(wanted) || write.New.GetUID() == "")
}

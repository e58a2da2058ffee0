package mutate

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rcroll/rcroll/pkg/api"
)

// reservedAnnotations are written by rcroll only.
var reservedAnnotations = []string{api.RequestAnnotation, api.PlanAnnotation}

// guardReserved refuses to let a user add or change what is rcroll's.
// Removing it is no offence: manifests do not know it, and record puts it back.
func guardReserved(write Write) error {
	for _, key := range reservedAnnotations {
		if err := guardEntry(write, "annotations", key); err != nil {
			return err
		}
	}
	if err := guardEntry(write, "labels", api.RollingLabel); err != nil {
		return err
	}
	return guardMarks(write)
}

func guardEntry(write Write, kind, key string) error {
	before, after := entries(write.Old, kind)[key], entries(write.New, kind)[key]
	if after == nil || after == before {
		return nil
	}
	return fmt.Errorf("%s: %w", name(write.New), field.Forbidden(field.NewPath("metadata", kind).Key(key),
		"is written by rcroll only: take it out of the manifest; to roll out a change, edit spec.template"))
}

// guardMarks refuses the marks of a promotion in a user's spec.
func guardMarks(write Write) error {
	live, wanted := api.SpecOf(write.Old), api.SpecOf(write.New)
	for _, key := range []string{api.SealedLabel, api.AdoptingLabel} {
		selector, template := wanted.Selector()[key], wanted.TemplateLabels()[key]
		path := field.NewPath("spec", "selector")
		if template != "" {
			path = field.NewPath("spec", "template", "metadata", "labels")
		}
		if (selector != "" && selector != live.Selector()[key]) || (template != "" && template != live.TemplateLabels()[key]) {
			return fmt.Errorf("%s: %w", name(write.New),
				field.Forbidden(path.Key(key), "is written by rcroll only: take it out of the manifest"))
		}
	}
	return nil
}

// keepRollLabels puts the hash label back into a write that passes: a manifest
// that spells its selector out does not know it, and without it the
// ReplicationController would lose its pods to whoever selects them.
func keepRollLabels(write Write, key string) (map[string]any, error) {
	live, wanted := api.SpecOf(write.Old), api.SpecOf(write.New)
	selector, template := live.RollLabels(key)
	if len(selector) == 0 {
		return write.New, nil
	}
	if value, ok := wanted.TemplateLabels()[key]; ok && !api.IsHash(value) {
		return nil, fmt.Errorf("%s: %w", name(write.New), field.Invalid(
			field.NewPath("spec", "template", "metadata", "labels").Key(key), value,
			"holds the hash by which rcroll tells pods apart: leave it out, or give it as it is"))
	}
	kept := wanted.Unlabelled(key).Labelled(selector, template)
	if kept.Equal(wanted) {
		return write.New, nil
	}
	object := deepCopy(write.New)
	setSpec(object, kept)
	return object, nil
}

// isCancelGesture recognises the removal of the request annotation and of
// nothing else: somebody who read the object and asks to forget the request. (A
// manifest that does not know the annotation arrives without metadata that
// everybody gets to see, or changes something else too.)
func isCancelGesture(write Write) bool {
	if _, found := annotation(write.New, api.RequestAnnotation); found {
		return false
	}
	restored := deepCopy(write.New)
	request, _ := annotation(write.Old, api.RequestAnnotation)
	setEntry(restored, "annotations", api.RequestAnnotation, request)
	return unchanged(Write{Old: write.Old, New: restored})
}

// unchanged tells whether a write changes nothing that its author could mean.
func unchanged(write Write) bool {
	before, after := deepCopy(write.Old), deepCopy(write.New)
	for _, object := range []map[string]any{before, after} {
		unstructured.RemoveNestedField(object, "metadata", "managedFields")
		unstructured.RemoveNestedField(object, "metadata", "resourceVersion")
		unstructured.RemoveNestedField(object, "status")
	}
	return api.Spec(before).Equal(api.Spec(after))
}

// isNext recognises a next ReplicationController: rolling, and controlled by a
// ReplicationController.
func isNext(object map[string]any) bool {
	return entries(object, "labels")[api.RollingLabel] == api.True && controllerName(object) != ""
}

func controllerName(object map[string]any) string {
	owner := metav1.GetControllerOf(&unstructured.Unstructured{Object: object})
	if owner == nil || owner.Kind != "ReplicationController" {
		return ""
	}
	return owner.Name
}

package mutate

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rcroll/rcroll/pkg/api"
)

// reservedAnnotations are written by rcroll only.
var reservedAnnotations = []string{api.RequestAnnotation, api.CommandAnnotation}

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

// guardSettings refuses settings that this write adds or changes and no rollout
// could go by: its author is there to correct them, later nobody is.
func guardSettings(write Write) error {
	changed := changedKeys(write, "annotations")
	if len(changed) == 0 {
		return nil
	}
	return checkSettings(write, changed)
}

func checkSettings(write Write, changed []string) error {
	err := api.CheckSettings(stringEntries(write.New, "annotations"), changed)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s", name(write.New), strings.ReplaceAll(err.Error(), "\n", "; "))
}

// guardLabels refuses labels that look like settings: they would do nothing.
func guardLabels(write Write) error {
	for _, key := range changedKeys(write, "labels") {
		if key != api.RollingLabel && entries(write.New, "labels")[key] != nil {
			return fmt.Errorf("%s: %w", name(write.New), field.Forbidden(field.NewPath("metadata", "labels").Key(key),
				"rcroll has no such label: the settings of a ReplicationController are annotations"))
		}
	}
	return nil
}

// changedKeys are rcroll's labels or annotations that a write adds, changes or
// removes, in their order.
func changedKeys(write Write, kind string) []string {
	before, after := entries(write.Old, kind), entries(write.New, kind)
	var changed []string
	for _, all := range []map[string]any{before, after} {
		for key := range all {
			if strings.HasPrefix(key, api.Prefix) && before[key] != after[key] && !slices.Contains(reservedAnnotations, key) {
				changed = append(changed, key)
			}
		}
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}

// guardSize refuses a request that finds no room beside the other annotations. The
// API server would refuse it too, but tell of an annotation that no user wrote.
func guardSize(object map[string]any) error {
	total, largest := 0, ""
	annotations := stringEntries(object, "annotations")
	for key, value := range annotations {
		total += len(key) + len(value)
		if key != api.RequestAnnotation && len(value) > len(annotations[largest]) {
			largest = key
		}
	}
	if total <= validation.TotalAnnotationSizeLimitB {
		return nil
	}
	detail := fmt.Sprintf("all annotations together may take %d bytes; the requested spec, which rcroll keeps in one of them until it is rolled out, takes %d",
		validation.TotalAnnotationSizeLimitB, len(annotations[api.RequestAnnotation]))
	switch largest {
	case "":
	case corev1.LastAppliedConfigAnnotation:
		detail += fmt.Sprintf(", and the copy of the manifest that kubectl apply keeps %d: apply it with --server-side, which keeps none, and remove the annotation %s",
			len(annotations[largest]), largest)
	default:
		detail += fmt.Sprintf(", and %s %d: shorten it, or the pod template", largest, len(annotations[largest]))
	}
	return fmt.Errorf("%s: metadata.annotations: Too long: %s", name(object), detail)
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
	object := editable(write.New)
	setSpec(object, kept)
	return object, nil
}

// GuardDelete refuses to let a ReplicationController go while it takes pods over.
// They have no controller then, or are about to lose it, and the garbage collector
// would leave them behind. It is a matter of a moment. A next ReplicationController that
// is sealed has no pods yet.
func GuardDelete(object map[string]any) error {
	if isOwned(object) || isForeign(object) || !api.SpecOf(object).Marked() {
		return nil
	}
	return fmt.Errorf("%s is taking over the pods of a finished rolling update, which would be left behind: "+
		"delete it again in a moment; if this does not change, see whether the rcroll agent runs", name(object))
}

// isCancelGesture recognises the removal of the request annotation and of
// nothing else: somebody who read the object and asks to forget the request. (A
// manifest that does not know the annotation arrives without metadata that
// everybody gets to see, or changes something else too.)
func isCancelGesture(write Write) bool {
	if _, found := annotation(write.New, api.RequestAnnotation); found {
		return false
	}
	restored := editable(write.New)
	request, _ := annotation(write.Old, api.RequestAnnotation)
	setEntry(restored, "annotations", api.RequestAnnotation, request)
	return unchanged(Write{Old: write.Old, New: restored})
}

// unchanged tells whether a write changes nothing that its author could mean.
func unchanged(write Write) bool {
	before, after := editable(write.Old), editable(write.New)
	for _, object := range []map[string]any{before, after} {
		unstructured.RemoveNestedField(object, "metadata", "managedFields")
		unstructured.RemoveNestedField(object, "metadata", "resourceVersion")
		delete(object, "status")
	}
	return api.Spec(before).Equal(api.Spec(after))
}

// isOwned recognises a next ReplicationController: rolling, and controlled by a
// ReplicationController.
func isOwned(object map[string]any) bool {
	return entries(object, "labels")[api.RollingLabel] == api.True && controllerName(object) != ""
}

// isForeign recognises what something other than a ReplicationController controls
// (a DeploymentConfig of OpenShift, a custom resource): that is what rolls it, and it
// is left alone, whatever labels it carries.
func isForeign(object map[string]any) bool {
	owner := controllerOf(object)
	return owner != nil && !isRC(owner)
}

func controllerName(object map[string]any) string {
	owner := controllerOf(object)
	if owner == nil || !isRC(owner) {
		return ""
	}
	return owner.Name
}

func controllerOf(object map[string]any) *metav1.OwnerReference {
	return metav1.GetControllerOf(&unstructured.Unstructured{Object: object})
}

func isRC(owner *metav1.OwnerReference) bool {
	return owner.APIVersion == api.GroupVersionKind.GroupVersion().String() && owner.Kind == api.GroupVersionKind.Kind
}

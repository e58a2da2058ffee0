package mutate

import (
	"slices"
	"strings"

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
	return about(name(write.New), errReserved(field.NewPath("metadata", kind).Key(key)))
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
	return about(name(write.New), err)
}

// guardLabels refuses labels that look like settings: they would do nothing.
func guardLabels(write Write) error {
	for _, key := range changedKeys(write, "labels") {
		if key != api.RollingLabel && entries(write.New, "labels")[key] != nil {
			return about(name(write.New), errSettingAsLabel(key))
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
	return errNoRoomForRequest(name(object), len(annotations[api.RequestAnnotation]), largest, len(annotations[largest]))
}

// guardMarks refuses the marks of a promotion in a user's spec.
func guardMarks(write Write) error {
	live, wanted := api.SpecOf(write.Old), api.SpecOf(write.New)
	for _, key := range []string{api.SealedLabel, api.AdoptingLabel} {
		selector, template := wanted.Selector()[key], wanted.TemplateLabels()[key]
		path := selectorPath
		if template != "" {
			path = templateLabelsPath
		}
		if (selector != "" && selector != live.Selector()[key]) || (template != "" && template != live.TemplateLabels()[key]) {
			return about(name(write.New), errReservedMark(path.Key(key)))
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
		return nil, about(name(write.New), errHashLabelChanged(key, value, template[key]))
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
	if isOwned(object) || !api.SpecOf(object).Marked() {
		return nil
	}
	return errAdopting(name(object))
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

func controllerName(object map[string]any) string {
	owner := metav1.GetControllerOf(&unstructured.Unstructured{Object: object})
	if owner == nil || owner.Kind != "ReplicationController" {
		return ""
	}
	return owner.Name
}

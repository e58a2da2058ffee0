package mutate

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/rcroll/rcroll/pkg/api"
)

var (
	replicasField    = fieldpath.MakePathOrDie("spec", "replicas")
	containersPath   = fieldpath.MakePathOrDie("spec", "template", "spec", "containers")
	imageField       = fieldpath.MakePathOrDie("image")
	lastAppliedField = fieldpath.MakePathOrDie("metadata", "annotations", corev1.LastAppliedConfigAnnotation)
)

// hasApplied reports whether a manager has an Apply entry. It decodes none, because most
// writes are no applies and GetManagedFields, which decodes them all, costs more than
// many a decision.
func hasApplied(manager string, object *unstructured.Unstructured) bool {
	list, _, _ := unstructured.NestedFieldNoCopy(object.Object, "metadata", "managedFields")
	entries, _ := list.([]any)
	return slices.ContainsFunc(entries, func(item any) bool {
		entry, _ := item.(map[string]any)
		return entry["manager"] == manager && entry["operation"] == string(metav1.ManagedFieldsOperationApply)
	})
}

// entryOf is the entry of a manager for the object itself, not for a subresource; nil
// if it has none.
func entryOf(manager string, operation metav1.ManagedFieldsOperationType, entries []metav1.ManagedFieldsEntry) *metav1.ManagedFieldsEntry {
	i := slices.IndexFunc(entries, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == manager && entry.Operation == operation && entry.Subresource == ""
	})
	if i < 0 {
		return nil
	}
	return &entries[i]
}

// notAppliedBy are the entries but those for what a manager applies.
func notAppliedBy(manager string, entries []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	return slices.DeleteFunc(slices.Clone(entries), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == manager && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}

// fieldsOf are the fields that an entry says its manager owns.
func fieldsOf(entry *metav1.ManagedFieldsEntry) *fieldpath.Set {
	fields := &fieldpath.Set{}
	if entry.FieldsV1 == nil || fields.FromJSON(entry.FieldsV1.GetRawReader()) != nil {
		return fieldpath.NewSet()
	}
	return fields
}

// DeclaredBy are the field managers that put images back if somebody else changes them:
// controllers that compare with a manifest again and again. kubectl apply is none of them.
func DeclaredBy(rc *unstructured.Unstructured) []string {
	var managers []string
	for _, entry := range rc.GetManagedFields() {
		applies := entry.Operation == metav1.ManagedFieldsOperationApply && entry.Manager != serverSideApply
		if !applies && !slices.Contains(DefaultDeclarativeManagers, entry.Manager) || entry.Subresource != "" {
			continue
		}
		if ownsImages(fieldsOf(&entry)) && !slices.Contains(managers, entry.Manager) {
			managers = append(managers, entry.Manager)
		}
	}
	return managers
}

// serverSideApply is the field manager of kubectl apply --server-side.
const serverSideApply = "kubectl"

// ownsImages reports whether the image of any container is among the fields.
func ownsImages(fields *fieldpath.Set) bool {
	for _, step := range containersPath {
		fields = fields.WithPrefix(step)
	}
	for container := range fields.Children.All() {
		if fields.WithPrefix(container).Has(imageField) {
			return true
		}
	}
	return false
}

// ownedContainers are the names of the live containers whose images are among the fields.
func ownedContainers(write Write, fields *fieldpath.Set) map[string]bool {
	owned := map[string]bool{}
	for key := range api.SpecOf(write.New).Images() {
		name, ok := strings.CutPrefix(key, "containers/")
		if ok && fields.Has(fieldpath.MakePathOrDie("spec", "template", "spec", "containers", fieldpath.KeyByFields("name", name), "image")) {
			owned[name] = true
		}
	}
	return owned
}

// sharesContainers reports whether another manager owns the image of a container that is
// there and that is not the applier's own.
func sharesContainers(write Write, own map[string]bool) bool {
	for _, entry := range write.New.GetManagedFields() {
		if entry.Subresource != "" {
			continue
		}
		for name := range ownedContainers(write, fieldsOf(&entry)) {
			if !own[name] {
				return true
			}
		}
	}
	return false
}

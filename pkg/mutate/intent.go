package mutate

import (
	"encoding/json"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
)

// declared is what a client says that sends its whole manifest, or a patch
// computed from it: the template is what it wants, even where that is live.
type declared struct {
	// replicas that the manifest states; nil if it leaves them to others.
	replicas *int32
}

// declaration tells whether a write declares a whole manifest, and is nil if it
// does not. Admission cannot see the verb: the API server turns every patch into
// an update with the same kind of options. So the traces are read that each kind
// of client leaves.
func declaration(write Write, options Options) *declared {
	replicas := api.SpecOf(write.New).Replicas()
	if manifest, ok := lastAppliedBy(write); ok {
		return &declared{replicas: manifest}
	}
	if isWholePut(write.New) {
		return &declared{replicas: &replicas}
	}
	if entry := appliedEntry(write); entry != nil {
		if owns(entry, "f:spec", "f:replicas") {
			return &declared{replicas: &replicas}
		}
		return &declared{}
	}
	if slices.Contains(options.DeclaredManagers, write.FieldManager) {
		if replicas != api.SpecOf(write.Old).Replicas() {
			return &declared{replicas: &replicas}
		}
		return &declared{}
	}
	return nil
}

// clientSideApply is the field manager of kubectl apply without --server-side.
const clientSideApply = "kubectl-client-side-apply"

// lastAppliedBy recognises client-side apply by its field manager, or because it
// changes the annotation with its last manifest. Where that manifest wants what is
// live, the annotation is all that changes; where it is the same as the last time,
// the replicas are. Returns the replicas in the manifest.
//
// Others write the annotation too (kubectl apply set-last-applied), but they do not
// write what the manifest says.
func lastAppliedBy(write Write) (replicas *int32, ok bool) {
	before, _ := annotation(write.Old, corev1.LastAppliedConfigAnnotation)
	after, found := annotation(write.New, corev1.LastAppliedConfigAnnotation)
	if !found {
		return nil, false
	}
	var manifest map[string]any
	if err := utiljson.Unmarshal([]byte(after), &manifest); err != nil {
		return nil, false
	}
	stated, wanted := api.SpecOf(manifest), api.SpecOf(write.New)
	if write.FieldManager != clientSideApply && (before == after || !statesImagesOf(stated, wanted)) {
		return nil, false
	}
	if _, ok := stated["replicas"].(int64); !ok {
		return nil, true
	}
	return ptr.To(stated.Replicas()), true
}

// statesImagesOf tells whether the images that a manifest states are those of the spec.
func statesImagesOf(manifest, spec api.Spec) bool {
	images := spec.Images()
	for container, image := range manifest.Images() {
		if images[container] != image {
			return false
		}
	}
	return true
}

// isWholePut recognises a manifest sent by PUT (kubectl replace): it has none of
// the metadata that a client gets to see when it reads the object first.
func isWholePut(object map[string]any) bool {
	metadata, _ := object["metadata"].(map[string]any)
	return metadata["uid"] == nil && metadata["generation"] == nil
}

// appliedEntry recognises server-side apply, and returns what the writing field
// manager applies. Applying what is live already changes nothing at all in the
// object, not even a time. What tells it from an update is that an update always
// leaves its mark in the manager's Update entry, and from kubectl's migration of
// client-side to server-side apply (an update of nothing but the managed fields)
// that it leaves other managers' entries alone.
func appliedEntry(write Write) *metav1.ManagedFieldsEntry {
	entry := managedBy(write.New, write.FieldManager, metav1.ManagedFieldsOperationApply)
	if entry == nil || !ownsImages(entry) {
		return nil
	}
	before := managedBy(write.Old, write.FieldManager, metav1.ManagedFieldsOperationUpdate)
	after := managedBy(write.New, write.FieldManager, metav1.ManagedFieldsOperationUpdate)
	if !reflect.DeepEqual(before, after) {
		return nil
	}
	if unchanged(write) && !reflect.DeepEqual(notAppliedBy(write.Old, write.FieldManager), notAppliedBy(write.New, write.FieldManager)) {
		return nil
	}
	return entry
}

// notAppliedBy are the managed fields but those that a manager applies.
func notAppliedBy(object map[string]any, manager string) []any {
	var others []any
	for _, item := range managedFields(object) {
		fields, _ := item.(map[string]any)
		if fields["manager"] != manager || fields["operation"] != string(metav1.ManagedFieldsOperationApply) {
			others = append(others, item)
		}
	}
	return others
}

func managedFields(object map[string]any) []any {
	metadata, _ := object["metadata"].(map[string]any)
	list, _ := metadata["managedFields"].([]any)
	return list
}

// managedBy is the entry of a manager for the object itself, nil if it has none.
func managedBy(object map[string]any, manager string, operation metav1.ManagedFieldsOperationType) *metav1.ManagedFieldsEntry {
	for _, item := range managedFields(object) {
		fields, _ := item.(map[string]any)
		if fields["manager"] != manager || fields["operation"] != string(operation) || fields["subresource"] != nil {
			continue
		}
		text, err := json.Marshal(fields)
		if err != nil {
			return nil
		}
		var entry metav1.ManagedFieldsEntry
		if err := json.Unmarshal(text, &entry); err != nil {
			return nil
		}
		return &entry
	}
	return nil
}

func ownsImages(entry *metav1.ManagedFieldsEntry) bool {
	for _, container := range fieldsAt(entry, "f:spec", "f:template", "f:spec", "f:containers") {
		fields, _ := container.(map[string]any)
		if _, ok := fields["f:image"]; ok {
			return true
		}
	}
	return false
}

func owns(entry *metav1.ManagedFieldsEntry, path ...string) bool {
	_, ok := fieldsAt(entry, path[:len(path)-1]...)[path[len(path)-1]]
	return ok
}

// fieldsAt is the set of fields that an entry owns below a path.
func fieldsAt(entry *metav1.ManagedFieldsEntry, path ...string) map[string]any {
	var fields map[string]any
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
		return nil
	}
	for _, step := range path {
		fields, _ = fields[step].(map[string]any)
	}
	return fields
}

package mutate

import (
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/rcroll/rcroll/pkg/api"
)

// declaration is what a declarative client says: one that sends its whole manifest, or a
// patch computed from it. The template is what it wants, even where that is live.
type declaration struct {
	// replicas that the manifest states; nil if it leaves them to others.
	replicas *int32

	// containers are those that a server-side apply is about, by name, where others are
	// other managers'; nil if it is about the whole template.
	containers map[string]bool
}

// declarationOf finds out what a write declares; nil if it is imperative. Admission
// cannot see the verb: the API server turns every patch into an update with the same
// kind of options. So the traces are read that each kind of client leaves.
func declarationOf(write Write, options Options) *declaration {
	replicas := api.SpecOf(write.New).Replicas()
	if manifest, ok := lastAppliedBy(write, options); ok {
		return &declaration{replicas: manifest}
	}
	if isWholePut(write, options) {
		return &declaration{replicas: &replicas}
	}
	if fields := appliedFields(write); fields != nil {
		declared := &declaration{}
		if fields.Has(replicasField) {
			declared.replicas = &replicas
		}
		if own := ownedContainers(write, fields); sharesContainers(write, own) {
			declared.containers = own
		}
		return declared
	}
	if slices.Contains(options.DeclarativeManagers, write.FieldManager) {
		if replicas != api.SpecOf(write.Old).Replicas() {
			return &declaration{replicas: &replicas}
		}
		return &declaration{}
	}
	return nil
}

// clientSideApply is the field manager of kubectl apply without --server-side.
const clientSideApply = "kubectl-client-side-apply"

// lastAppliedBy recognises client-side apply by its field manager, or because it
// changes the annotation with its last manifest. Where that manifest wants what is
// live, the annotation is all that changes; where it is the same as the last time,
// the replicas are, and its manager (--field-manager) wrote the annotation then.
// Returns the replicas in the manifest.
//
// Others write the annotation too (kubectl apply set-last-applied), but they do not
// write what the manifest says.
func lastAppliedBy(write Write, options Options) (replicas *int32, ok bool) {
	manifest := lastApplied(write.New)
	if manifest == nil || isCopy(manifest, write.Old, options.HashLabelKey) {
		return nil, false // kubectl edit --save-config, or an export that was applied
	}
	stated, wanted := api.SpecOf(manifest), api.SpecOf(write.New)
	sets := write.setsAnnotation(corev1.LastAppliedConfigAnnotation)
	isApplied := (sets || isAppliedAgain(write, stated)) && statesImagesOf(stated, wanted) && statesReplicasOf(stated, wanted)
	if !isApplied && (write.FieldManager != clientSideApply || sets && isAboutAnnotation(write, stated)) {
		return nil, false
	}
	if _, ok := stated["replicas"].(int64); !ok {
		return nil, true
	}
	return ptr.To(stated.Replicas()), true
}

// isAboutAnnotation recognises kubectl apply edit-last-applied, which comes under the name of
// kubectl apply, of a manifest that is not what is live: it changes neither the spec nor which
// images are stated.
func isAboutAnnotation(write Write, stated api.Spec) bool {
	before := lastApplied(write.Old)
	return before != nil && api.SpecOf(before).SameImages(stated) && api.SpecOf(write.New).Equal(api.SpecOf(write.Old))
}

// isAppliedAgain recognises the replicas of a manifest that is the same as the last time.
func isAppliedAgain(write Write, stated api.Spec) bool {
	live, wanted := api.SpecOf(write.Old), api.SpecOf(write.New)
	if _, states := stated["replicas"]; !states || live.Replicas() == wanted.Replicas() || !wanted.Equal(live.WithReplicas(wanted.Replicas())) {
		return false
	}
	entry := entryOf(write.FieldManager, metav1.ManagedFieldsOperationUpdate, write.Old.GetManagedFields())
	return entry != nil && fieldsOf(entry).Has(lastAppliedField)
}

// lastApplied is the manifest in the annotation of client-side apply; nil if there is none.
func lastApplied(object *unstructured.Unstructured) *unstructured.Unstructured {
	text, found := object.GetAnnotations()[corev1.LastAppliedConfigAnnotation]
	manifest := &unstructured.Unstructured{}
	if !found || json.Unmarshal([]byte(text), &manifest.Object) != nil {
		return nil
	}
	return manifest
}

// statesImagesOf reports whether the images that a manifest states are those of the spec.
func statesImagesOf(manifest, spec api.Spec) bool {
	images := spec.Images()
	for container, image := range manifest.Images() {
		if images[container] != image {
			return false
		}
	}
	return true
}

// statesReplicasOf reports whether a manifest leaves the replicas to others, or states those
// of the spec.
func statesReplicasOf(manifest, spec api.Spec) bool {
	replicas, stated := manifest["replicas"].(int64)
	return !stated || replicas == int64(spec.Replicas())
}

// isWholePut recognises a manifest sent by PUT (kubectl replace): it has none of
// the metadata that a client gets to see when it reads the object first. A resource
// version proves nothing: who sends whole manifests may read it to state it.
func isWholePut(write Write, options Options) bool {
	manifest := shallowCopy(write.New)
	manifest.SetResourceVersion("")
	return !isCopy(manifest, write.Old, options.HashLabelKey)
}

// appliedFields recognises server-side apply, and returns what the writing field
// manager applies; nil for other writes. Applying what is live already changes nothing
// at all in the object, not even a time. What tells it from an update is that an update
// always leaves its mark in the manager's Update entry, and from kubectl's migration of
// client-side to server-side apply (an update of nothing but the managed fields)
// that it leaves other managers' entries alone.
func appliedFields(write Write) *fieldpath.Set {
	manager := write.FieldManager
	if !hasApplied(manager, write.New) {
		return nil
	}
	after := write.New.GetManagedFields()
	applied := entryOf(manager, metav1.ManagedFieldsOperationApply, after)
	if applied == nil {
		return nil
	}
	fields := fieldsOf(applied)
	if !ownsImages(fields) {
		return nil
	}
	before := write.Old.GetManagedFields()
	const update = metav1.ManagedFieldsOperationUpdate
	if !reflect.DeepEqual(entryOf(manager, update, before), entryOf(manager, update, after)) {
		return nil
	}
	if isUnchanged(write) && !reflect.DeepEqual(notAppliedBy(manager, before), notAppliedBy(manager, after)) {
		return nil
	}
	return fields
}

// CommandsManager is the field manager of rcroll's own commands, kubectl rolling-update and
// kubectl rcroll. What they write is their user's.
const CommandsManager = "kubectl-rolling-update"

// byHand are the field managers of the kubectl commands that change what they are told to.
var byHand = []string{"kubectl-annotate", "kubectl-edit", "kubectl-patch", CommandsManager}

// isCancelGesture recognises the removal of the request annotation and of
// nothing else: somebody who read the object and asks to forget the request. (A
// manifest that does not know the annotation arrives without metadata that
// everybody gets to see, or changes something else too.)
//
// Policies that leave a trace in the metadata at every write (of the time, say) did so in
// this one before it came here. So a command that is about single fields is believed when
// the spec alone is as it was.
func isCancelGesture(write Write) bool {
	annotations := write.annotations()
	if _, found := annotations.after[api.RequestAnnotation]; found {
		return false
	}
	if slices.Contains(byHand, write.FieldManager) && api.Same(write.Old.Object["spec"], write.New.Object["spec"]) {
		return true
	}
	restored := shallowCopy(write.New)
	setAnnotation(restored, api.RequestAnnotation, annotations.before[api.RequestAnnotation])
	return isUnchanged(Write{Old: write.Old, New: restored})
}

// repeatsLive reports whether a write says nothing but what is live. kubectl replace of a
// copy puts that into the annotation of client-side apply, where there is one.
func repeatsLive(write Write, hashKey string) bool {
	if manifest := lastApplied(write.New); manifest != nil && isCopy(manifest, write.Old, hashKey) {
		restored := shallowCopy(write.New)
		setAnnotation(restored, corev1.LastAppliedConfigAnnotation, write.Old.GetAnnotations()[corev1.LastAppliedConfigAnnotation])
		write.New = restored
	}
	return isUnchanged(write)
}

// isUnchanged reports whether a write changes nothing that its author could mean.
func isUnchanged(write Write) bool {
	before, after := shallowCopy(write.Old), shallowCopy(write.New)
	for _, object := range []*unstructured.Unstructured{before, after} {
		object.SetManagedFields(nil)
		object.SetResourceVersion("")
		delete(object.Object, "status")
	}
	return api.Same(before.Object, after.Object)
}

package mutate

import (
	"cmp"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

// create makes a plain ReplicationController of an export that is created elsewhere:
// there is no rollout of it here. What was asked for when it was exported is what is
// created, whole; its own spec had the old image and a share of the replicas.
//
// Of an export that was edited the template is what was edited, and only the replicas are
// those that were requested.
//
// Of an owned one the labels go too, so that the agent does not take it for its own.
// The reference to its owner stays: where the owner is gone, the garbage collector
// removes it as it would have done before, and the owner's export has all the pods.
func create(write Write, options Options) Decision {
	if err := cmp.Or(guardSettings(write), guardLabels(write), guardLimits(write)); err != nil {
		return refuse(err)
	}
	object := shallowCopy(write.New)
	removeAnnotations(object, reservedAnnotations...)
	removeAnnotations(object, api.ApproveAnnotation, api.OverrideAnnotation) // of a rollout that is not here
	removeLabel(object, api.RollingLabel)
	spec, edited := api.SpecOf(object), isEditedExport(write.New, options.HashLabelKey)
	_, isSuccessor := spec.TemplateLabels()[api.SuccessorLabel] // of an owned one, with or without its owner
	if spec.Marked() {
		spec = spec.Unlabelled(options.HashLabelKey)
		setSpec(object, spec)
	}
	decision := passes(object)
	text, exported := write.New.GetAnnotations()[api.RequestAnnotation]
	request, err := api.ParseSpec(text)
	switch {
	case exported && err == nil && edited:
		setSpec(object, spec.WithReplicas(request.Replicas()))
		decision.Warnings = []string{warnCreatedAsEdited(name(object), images(spec), request.Replicas())}
	case exported && err == nil && len(request.Images()) > 0:
		request = request.Unlabelled(options.HashLabelKey)
		setSpec(object, request)
		decision.Warnings = []string{warnCreatedAsRequested(name(object), images(request), request.Replicas())}
	case api.IsOwned(write.New):
		decision.Warnings = []string{warnCreatedFromOwned(name(object), ownerOf(write.New))}
	case exported:
		decision.Warnings = []string{warnCreatedAsLive(name(object), images(spec), spec.Replicas())}
	case isSuccessor && write.New.GetLabels()[api.RollingLabel] == api.True:
		// A backup lost the owner, so that nothing would ever remove it.
		setSpec(object, spec.WithReplicas(0))
		decision.Warnings = []string{warnCreatedWithoutOwner(name(object), spec.Replicas())}
	}
	return decision
}

// isEditedExport reports whether an export has another template than the live one that it
// was taken of, of which in the middle of a promotion the marks tell.
func isEditedExport(export *unstructured.Unstructured, hashKey string) bool {
	spec := api.SpecOf(export)
	live := cmp.Or(spec.Promoting(), export.GetAnnotations()[api.LiveAnnotation])
	return api.IsHash(live) && spec.Hash(hashKey) != live
}

// ownerOf is how users name the ReplicationController that an owned one belongs to.
func ownerOf(object *unstructured.Unstructured) string { return "rc/" + api.ControllerOf(object).Name }

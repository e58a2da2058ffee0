package mutate

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

// CreatesOwned reports whether the agent creates the new ReplicationController of a
// rollout, so that Decide needs to know whose it is (Write.Owner).
func CreatesOwned(write Write, options Options) bool {
	return write.Old == nil && write.User == options.AgentUser && api.IsOwned(write.New)
}

// createOwned has nothing stored but what the owner asks for, whatever was sent: the agent's
// token is not enough to run a template of one's own. It is not compared, because others
// may have changed it on its way here: what they add they added to the request as well.
//
// The owner must be as the agent saw it. So whoever posts a review and cannot read the owner
// learns nothing of what it asks for.
func createOwned(write Write, options Options) Decision {
	request, err := requestOf(write.Owner, write.New)
	if err != nil {
		return Decision{Meaning: Refused, Refusal: errNotRequested(name(write.New), ownerOf(write.New), err), Stale: true}
	}
	// How long its pods must be ready may be a policy's, which the agent knows. A request that
	// says so itself is what holds.
	if sent := api.SpecOf(write.New).MinReadySeconds(); request.MinReadySeconds() == 0 && sent > 0 {
		request = request.WithMinReadySeconds(sent)
	}
	requested := api.SealedNewRC(write.Owner, request, options.HashLabelKey)
	if requested.GetName() != write.New.GetName() {
		return refuse(errNotRequested(name(write.New), ownerOf(write.New), errAnotherName(requested.GetName())))
	}
	object := shallowCopy(write.New)
	setSpec(object, api.SpecOf(requested))
	removeAnnotations(object, api.OwnerVersionAnnotation)
	return Decision{Meaning: Steps, Object: object}
}

// requestOf is what the owner of a new ReplicationController asks for.
func requestOf(owner, created *unstructured.Unstructured) (api.Spec, error) {
	version := created.GetAnnotations()[api.OwnerVersionAnnotation]
	if owner == nil || owner.GetUID() != api.ControllerOf(created).UID || owner.GetResourceVersion() != version {
		return nil, errOwnerChanged
	}
	return api.ParseSpec(owner.GetAnnotations()[api.RequestAnnotation])
}

// changeOwned lets the agent change the template of a new ReplicationController by nothing
// but opening it.
func changeOwned(write Write) Decision {
	before, after := api.SpecOf(write.Old), api.SpecOf(write.New)
	if _, sealed := after.Selector()[api.SealedLabel]; !sealed {
		before = before.Opened()
	}
	object := shallowCopy(write.New)
	setSpec(object, after.WithTemplateOf(before))
	return Decision{Meaning: Steps, Object: object}
}

// keepOwned lets a user's write of an owned ReplicationController change nothing, and
// says where to make it. It is no refusal, because scripts edit what they find
// (kubectl set image rc --all, kubectl scale rc -l app=tomcat): they find the user's
// ReplicationController, too, where the same edit does what they mean, and a refusal
// would fail them half-way.
//
// Nothing dangerous is lost by it. Who wants something else of these pods, or to stop
// them, reads which ReplicationController to edit; deletions are not writes. Finalizers
// and owner references are stored as they are when they come alone, in which case the
// webhook's matchConditions do not send them: who waits for one to be gone must not
// wait for ever.
func keepOwned(write Write) Decision {
	object := undone(write)
	object.SetManagedFields(write.Old.GetManagedFields())
	return Decision{Meaning: Ignored, Object: object, Warnings: []string{warnOwned(name(write.Old), ownerOf(write.Old))}}
}

package mutate

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
)

// ScaleWrite is one admission request for the scale subresource of a
// ReplicationController. A Scale carries no annotations, so the
// ReplicationController itself is needed to judge it.
type ScaleWrite struct {
	// Object is the ReplicationController as it is stored.
	Object *unstructured.Unstructured

	// Replicas that the client asked for; any number.
	Replicas int32

	// User is the authenticated user's name.
	User string
}

// ScaleDecision is the answer to a ScaleWrite.
type ScaleDecision struct {
	Meaning Meaning
	Refusal error

	// KeepLive means that the Scale is to be stored with the live replicas.
	KeepLive bool

	// Request is what has to be recorded on the ReplicationController instead;
	// nil if it is there already.
	Request api.Spec

	Warnings []string
}

// DecideScale says what a write to the scale subresource means. While a rollout
// is under way the wish goes to the request: the live replicas are the agent's.
func DecideScale(write ScaleWrite, options Options) ScaleDecision {
	rc := name(write.Object)
	if api.IsForeign(write.Object) {
		return ScaleDecision{Meaning: Passes}
	}
	if api.IsOwned(write.Object) {
		return ScaleDecision{Meaning: Ignored, KeepLive: true, Warnings: []string{warnOwned(rc, ownerOf(write.Object))}}
	}
	text, pending := write.Object.GetAnnotations()[api.RequestAnnotation]
	// A number below 0 the API server refuses itself, as long as it gets to see it.
	if !pending || write.Replicas < 0 {
		return ScaleDecision{Meaning: Passes}
	}
	request, err := api.ParseSpec(text)
	if err != nil {
		return ScaleDecision{Meaning: Refused, Refusal: errUnreadableRequest(rc, err)}
	}
	switch {
	case write.Replicas == request.Replicas():
		return ScaleDecision{Meaning: Repeats, KeepLive: true}
	case options.isAutoscaler(write.User) && write.Replicas < request.Replicas() && !waits(write.Object, request):
		// An autoscaler sees the live share of the pods, and takes that for all.
		return ScaleDecision{Meaning: Repeats, KeepLive: true, Warnings: []string{warnScaleDownDeferred(rc)}}
	}
	wanted := request.WithReplicas(write.Replicas)
	return ScaleDecision{
		Meaning:  Retargets,
		KeepLive: true,
		Request:  wanted,
		Warnings: []string{warnScaled(rc, write.Replicas)},
	}
}

// waits reports whether policies or the user keep a rollout from beginning, so that the live
// spec has all the pods that are requested, and no share of them. That may be for days.
func waits(rc *unstructured.Unstructured, request api.Spec) bool {
	if live := api.SpecOf(rc); live.Replicas() != request.Replicas() || live.Marked() {
		return false
	}
	if rc.GetAnnotations()[api.PausedAnnotation] == api.True {
		return true
	}
	conditions, _, _ := unstructured.NestedSlice(rc.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(item any) bool {
		condition, _ := item.(map[string]any)
		reason, _ := condition["reason"].(string)
		return policy.IsHold(reason)
	})
}

package mutate

import (
	"fmt"

	"github.com/rcroll/rcroll/pkg/api"
)

// ScaleWrite is one admission request for the scale subresource of a
// ReplicationController. A Scale carries no annotations, so the
// ReplicationController itself is needed to judge it.
type ScaleWrite struct {
	// Object is the ReplicationController as it is stored.
	Object map[string]any

	// Replicas that the client asked for.
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

// DecideScale tells what a write to the scale subresource means. While a rollout
// is under way the wish goes to the request: the live replicas are the agent's.
func DecideScale(write ScaleWrite, options Options) ScaleDecision {
	if isForeign(write.Object) {
		return ScaleDecision{Meaning: Passes}
	}
	if isOwned(write.Object) {
		return ScaleDecision{Meaning: Refused, Refusal: refuseOwned(write.Object).Refusal}
	}
	text, pending := annotation(write.Object, api.RequestAnnotation)
	// A number below 0 the API server refuses itself, as long as it gets to see it.
	if !pending || write.Replicas < 0 {
		return ScaleDecision{Meaning: Passes}
	}
	request, err := api.ParseSpec(text)
	if err != nil {
		return ScaleDecision{Meaning: Refused, Refusal: fmt.Errorf("%s: metadata.annotations[%s]: %w", name(write.Object), api.RequestAnnotation, err)}
	}
	rc := name(write.Object)
	switch {
	case write.Replicas == request.Replicas():
		return ScaleDecision{Meaning: Repeats, KeepLive: true}
	case options.isAutoscaler(write.User) && write.Replicas < request.Replicas():
		// An autoscaler sees the live share of the pods only, and takes that for all.
		return ScaleDecision{Meaning: Repeats, KeepLive: true, Warnings: []string{fmt.Sprintf(
			"%s: an autoscaler's scale-down waits until the rolling update under way has ended; %s", rc, follow(rc))}}
	}
	wanted := request.WithReplicas(write.Replicas)
	return ScaleDecision{
		Meaning:  Retargets,
		KeepLive: true,
		Request:  wanted,
		Warnings: []string{fmt.Sprintf("%s: %s; %s", rc, scaled(wanted), follow(rc))},
	}
}

package agent

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// maxDifferences bounds the fields that a message names.
const maxDifferences = 5

// observation is a snapshot, and the objects that it was taken from.
type observation struct {
	key      types.NamespacedName
	rc       *unstructured.Unstructured
	members  map[types.UID]*unstructured.Unstructured
	request  api.Spec
	snapshot rollout.Snapshot
	memory   *memory

	// minReady is how many seconds a pod of the new ReplicationController must be ready.
	minReady int32
}

// toSnapshot reads the objects into the snapshot.
func (o *observation) toSnapshot(hashKey string, effective policy.Effective) error {
	annotations := o.rc.GetAnnotations()
	live := api.SpecOf(o.rc)
	strategy, settingsErr := api.ParseStrategy(effective.Settings(annotations))
	request, requestErr := api.ParseSpec(annotations[api.RequestAnnotation])
	s := rollout.Snapshot{
		RC:       rollout.MemberOf(o.rc),
		Live:     live.Hash(hashKey),
		Sealed:   live.Selector()[api.SealedLabel],
		Adopting: live.TemplateLabels()[api.AdoptingLabel],
		Strategy: effective.Bound(strategy),
		Memory:   o.memory.rollout,
	}
	switch {
	case requestErr != nil:
		s.BlockedBy = &rollout.BlockedBy{Reason: rollout.ReasonInvalidRequest, Message: invalidRequestMessage(requestErr)}
	case settingsErr != nil:
		s.BlockedBy = &rollout.BlockedBy{Reason: rollout.ReasonInvalidSettings, Message: settingsErr.Error()}
	}
	if requestErr == nil {
		o.request, o.minReady = request, effective.MinReadySeconds(request.MinReadySeconds())
		s.Desired = request.Replicas()
		s.MinReady = time.Duration(o.minReady) * time.Second
		s.Requested = request.Hash(hashKey)
		s.Approved = api.ApprovedStep(annotations, s.Requested)
		// Whatever else is there, it is no time.
		s.ApprovedAt, _ = time.Parse(time.RFC3339, annotations[api.ApprovedAtAnnotation])
		// What is live is what was promoted, however it was stored.
		if s.Requested == cmp.Or(s.Sealed, s.Adopting, annotations[api.PromotedAnnotation]) && s.Requested != s.Live {
			s.Live = s.Requested
			s.Differs = request.TemplateDifferences(live, hashKey, maxDifferences)
		}
	}
	for uid, member := range o.members {
		if uid != o.rc.GetUID() {
			s.Owned = append(s.Owned, rollout.MemberOf(member))
		}
	}
	var err error
	s.Conditions, err = rollout.ConditionsOf(o.rc)
	o.snapshot = s
	return err
}

package agent

import (
	"cmp"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
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
}

// toSnapshot reads the objects into the snapshot.
func (o *observation) toSnapshot(hashKey string) error {
	annotations := o.rc.GetAnnotations()
	live := api.SpecOf(o.rc)
	strategy, settingsErr := api.ParseStrategy(annotations)
	request, requestErr := api.ParseSpec(annotations[api.RequestAnnotation])
	s := rollout.Snapshot{
		RC:       memberOf(o.rc),
		Live:     live.Hash(hashKey),
		Sealed:   live.Selector()[api.SealedLabel],
		Adopting: live.TemplateLabels()[api.AdoptingLabel],
		Strategy: strategy,
		Memory:   o.memory.rollout,
	}
	switch {
	case requestErr != nil:
		s.BlockedBy = &rollout.BlockedBy{Reason: rollout.ReasonInvalidRequest, Message: invalidRequestMessage(requestErr)}
	case settingsErr != nil:
		s.BlockedBy = &rollout.BlockedBy{Reason: rollout.ReasonInvalidSettings, Message: settingsErr.Error()}
	}
	if requestErr == nil {
		o.request = request
		s.Desired = request.Replicas()
		s.Requested = request.Hash(hashKey)
		// What is live is what was promoted, however it was stored.
		if s.Requested == cmp.Or(s.Sealed, s.Adopting, annotations[api.PromotedAnnotation]) && s.Requested != s.Live {
			s.Live = s.Requested
			s.Differs = request.TemplateDifferences(live, hashKey, maxDifferences)
		}
	}
	for uid, member := range o.members {
		if uid != o.rc.GetUID() {
			s.Owned = append(s.Owned, memberOf(member))
		}
	}
	var err error
	s.Conditions, err = conditionsOf(o.rc)
	o.snapshot = s
	return err
}

func memberOf(rc *unstructured.Unstructured) rollout.Member {
	status := func(field string) int64 {
		n, _, _ := unstructured.NestedInt64(rc.Object, "status", field)
		return n
	}
	conditions, _ := conditionsOf(rc)
	failing, failure := false, ""
	for _, condition := range conditions {
		if condition.Type == corev1.ReplicationControllerReplicaFailure && condition.Status == corev1.ConditionTrue {
			failing = true
			if condition.Reason == rollout.ReasonFailedCreate {
				failure = condition.Message
			}
		}
	}
	minReady, _, _ := unstructured.NestedInt64(rc.Object, "spec", "minReadySeconds")
	return rollout.Member{
		Name:           rc.GetName(),
		UID:            rc.GetUID(),
		Created:        rc.GetCreationTimestamp().Time,
		MinReady:       time.Duration(minReady) * time.Second,
		Replicas:       api.SpecOf(rc).Replicas(),
		StatusObserved: status("observedGeneration") >= rc.GetGeneration(),
		Pods:           int32(status("replicas")),          //nolint:gosec // the API server decodes it as one of 32 bits
		Available:      int32(status("availableReplicas")), //nolint:gosec // as above
		Failing:        failing,
		Failure:        failure,
		Deleting:       rc.GetDeletionTimestamp() != nil,
	}
}

func conditionsOf(rc *unstructured.Unstructured) ([]corev1.ReplicationControllerCondition, error) {
	status, _, err := unstructured.NestedMap(rc.Object, "status")
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	var typed corev1.ReplicationControllerStatus
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(status, &typed); err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	return typed.Conditions, nil
}

package rollout

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rcroll/rcroll/pkg/api"
)

// MemberOf reads a ReplicationController as it came from the API server.
func MemberOf(rc *unstructured.Unstructured) Member {
	status := func(field string) int64 {
		n, _, _ := unstructured.NestedInt64(rc.Object, "status", field)
		return n
	}
	conditions, _ := ConditionsOf(rc)
	failing, failure := false, ""
	for _, condition := range conditions {
		if condition.Type == corev1.ReplicationControllerReplicaFailure && condition.Status == corev1.ConditionTrue {
			failing = true
			if condition.Reason == ReasonFailedCreate {
				failure = condition.Message
			}
		}
	}
	minReady, _, _ := unstructured.NestedInt64(rc.Object, "spec", "minReadySeconds")
	return Member{
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

// ConditionsOf are the conditions of a ReplicationController.
func ConditionsOf(rc *unstructured.Unstructured) ([]corev1.ReplicationControllerCondition, error) {
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

package harness

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/observe"
)

// Serves holds when the ReplicationController is at rest with n available pods, all
// of that image, and nothing else is there.
func Serves(image string, n int) func(observe.Moment) bool {
	return func(m observe.Moment) bool {
		if m.RC == nil || len(m.Others) > 0 || m.RC.Image != image || len(traces(m.RC)) > 0 {
			return false
		}
		status := m.RC.Status
		atRest := status.ObservedGeneration == m.RC.Generation &&
			int(m.RC.Replicas()) == n && int(status.Replicas) == n && int(status.AvailableReplicas) == n
		return atRest && len(m.Pods) == n && m.Available() == n && len(m.WithImage(image)) == n
	}
}

// traces are what rcroll should remove when a rollout is over. (Some of its
// annotations are for users to set.)
func traces(rc *observe.RC) []string {
	var found []string
	for _, key := range []string{api.RequestAnnotation, api.CommandAnnotation} {
		if _, there := rc.Annotations[key]; there {
			found = append(found, key)
		}
	}
	for _, labels := range []map[string]string{rc.Labels, rc.Spec.Selector, rc.Spec.Template.Labels} {
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			if strings.HasPrefix(key, api.Prefix) {
				found = append(found, key)
			}
		}
	}
	return found
}

// Pending holds while a request waits to be fulfilled.
func Pending(m observe.Moment) bool {
	return m.RC != nil && m.RC.Annotations[api.RequestAnnotation] != ""
}

// Requests holds while that image is requested.
func Requests(image string) func(observe.Moment) bool {
	return func(m observe.Moment) bool { return m.RC != nil && m.RC.Requested() == image }
}

// Available holds when at least n pods of the image are available.
func Available(image string, n int) func(observe.Moment) bool {
	return func(m observe.Moment) bool {
		available := 0
		for _, pod := range m.WithImage(image) {
			if pod.Available {
				available++
			}
		}
		return available >= n
	}
}

// Sealed holds while a promotion is under way, until the pods are adopted.
func Sealed(m observe.Moment) bool { return m.RC != nil && m.RC.Spec.Selector[api.SealedLabel] != "" }

// Condition is a condition of a ReplicationController; nil if it has none of that type.
func Condition(rc *observe.RC, kind corev1.ReplicationControllerConditionType) *corev1.ReplicationControllerCondition {
	return rollout.FindCondition(rc.Status.Conditions, kind)
}

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/observe"
)

// serves holds when the ReplicationController is at rest with n available pods, all
// of that image, and nothing else is there.
func serves(image string, n int) func(observe.Moment) bool {
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

// traces are what rcroll should take away when a rollout is over. (Some of its
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

// pending holds while a request waits to be fulfilled.
func pending(m observe.Moment) bool {
	return m.RC != nil && m.RC.Annotations[api.RequestAnnotation] != ""
}

// progressed holds when n pods of the image are available.
func progressed(image string, n int) func(observe.Moment) bool {
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

// isSealed holds while a promotion is under way, until the pods are adopted.
func isSealed(m observe.Moment) bool { return m.RC != nil && m.RC.Spec.Selector[api.SealedLabel] != "" }

// halfway waits until two pods of the image serve.
func (s *scenario) halfway(image string) observe.Moment {
	s.Helper()
	return s.await("two pods of "+image+" serve", progressed(image, 2))
}

// rolledOut waits for the end of a rollout to n pods of an image, and checks what it
// leaves behind.
func (s *scenario) rolledOut(image string, n int) observe.Moment {
	s.Helper()
	end := s.await(fmt.Sprintf("%d pods of %s serve and nothing else is left", n, image), serves(image, n))
	rc := end.RC
	hash := rc.Spec.Selector[api.DefaultHashLabelKey]
	assert.True(s, api.IsHash(hash), "selector %v", rc.Spec.Selector)
	assert.Equal(s, hash, rc.Spec.Template.Labels[api.DefaultHashLabelKey])
	s.restsAfterSuccess(rc)
	return end
}

// rolledBack waits for the end of a rollout that was cancelled, and checks that no
// pod was replaced that the ReplicationController still kept when it was.
func (s *scenario) rolledBack(image string, n int) {
	s.Helper()
	end := s.await(fmt.Sprintf("%d pods of %s serve again and nothing else is left", n, image), serves(image, n))
	s.restsAfterSuccess(end.RC)
	for _, violation := range s.Result().CheckCancel() {
		s.Errorf("%v", violation)
	}
	result := s.Result()
	assert.Len(s, result.Deleted(), len(result.Created()), "as many pods deleted as created")
}

func (s *scenario) restsAfterSuccess(rc *observe.RC) {
	s.Helper()
	progressing := condition(rc, rollout.Progressing)
	require.NotNil(s, progressing)
	assert.Equal(s, corev1.ConditionTrue, progressing.Status)
	assert.Equal(s, rollout.ReasonComplete, progressing.Reason)
	assert.Nil(s, condition(rc, rollout.Reconciling))
	assert.Nil(s, condition(rc, rollout.Stalled))
}

func condition(rc *observe.RC, kind corev1.ReplicationControllerConditionType) *corev1.ReplicationControllerCondition {
	for i := range rc.Status.Conditions {
		if rc.Status.Conditions[i].Type == kind {
			return &rc.Status.Conditions[i]
		}
	}
	return nil
}

// surge1 are the promises of a rollout of n pods with the default strategy.
func surge1(n int) observe.Bounds {
	return observe.Bounds{MinAvailable: n, MaxPods: n + 1, Created: n, Deleted: n}
}

// anyTurnover are the promises of several rollouts, some of which were cut short.
func anyTurnover(n int) observe.Bounds {
	return observe.Bounds{MinAvailable: n, MaxPods: n + 1, Created: observe.Any, Deleted: observe.Any}
}

// neverScaledUp fails the test if the live replicas were raised before the promotion,
// which they are only by a rollback or by somebody who gets past the webhook.
func (s *scenario) neverScaledUp() {
	s.Helper()
	moments := s.Result().Moments
	for i := 1; i < len(moments); i++ {
		before, after := moments[i-1].RC, moments[i].RC
		if after.Replicas() > before.Replicas() && !isSealed(moments[i-1]) {
			s.Errorf("live replicas raised from %d to %d: %s", before.Replicas(), after.Replicas(), moments[i])
		}
	}
}

// requests returns what holds while that image is asked for.
func requests(image string) func(observe.Moment) bool {
	return func(m observe.Moment) bool { return m.RC != nil && m.RC.Requested() == image }
}

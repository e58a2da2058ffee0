package agent

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// onePolicy selects everything.
type onePolicy struct{ spec v1alpha1.RolloutPolicySpec }

func (p *onePolicy) For(context.Context, metav1.Object) (policy.Effective, error) {
	return policy.Compile([]v1alpha1.RolloutPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: p.spec}}).For(policy.Target{}), nil
}

func reasonOf(rc *corev1.ReplicationController) string {
	if condition := rollout.FindCondition(rc.Status.Conditions, rollout.Progressing); condition != nil {
		return condition.Reason
	}
	return ""
}

// TestFrozenCostsNothing: what is frozen is told once, and not looked at again before it is
// lifted.
func TestFrozenCostsNothing(t *testing.T) {
	c := newCluster(true, rollingRC(t, 5))
	policies := &onePolicy{v1alpha1.RolloutPolicySpec{Frozen: &v1alpha1.Freeze{Reason: "incident"}}}
	c.policies = policies
	assert.Zero(t, c.pass(t))
	assert.Equal(t, "Frozen", reasonOf(c.get(t, "tomcat")))
	assert.Equal(t, []string{"Normal Frozen RolloutPolicy p holds it: incident"}, c.announced())
	written := len(c.patches)
	assert.Zero(t, c.pass(t))
	assert.Len(t, c.patches, written)

	policies.spec.Frozen = nil
	c.pass(t)
	c.get(t, newRCName(t))
}

// TestWindowIsAwaited: the next pass is when it opens.
func TestWindowIsAwaited(t *testing.T) {
	c := newCluster(true, rollingRC(t, 5))
	from, until := metav1.NewTime(time.Now().Add(-time.Hour)), metav1.NewTime(time.Now().Add(time.Hour))
	c.policies = &onePolicy{v1alpha1.RolloutPolicySpec{Windows: []v1alpha1.Window{{Kind: v1alpha1.Deny, From: &from, Until: &until}}}}
	assert.InDelta(t, time.Hour, c.pass(t).RequeueAfter, float64(time.Minute))
	assert.Equal(t, "OutsideWindow", reasonOf(c.get(t, "tomcat")))
}

// TestQueue: with one at once the first requested begins, and the end of it wakes the second.
func TestQueue(t *testing.T) {
	second := rollingRC(t, 5)
	second.Name, second.UID = "second", "second"
	second.Annotations = map[string]string{}
	for key, value := range rollingRC(t, 5).Annotations {
		second.Annotations[key] = value
	}
	first := rollingRC(t, 5)
	if first.Annotations == nil {
		first.Annotations = map[string]string{}
	}
	first.Annotations[api.RequestedAtAnnotation] = "2026-03-02T12:00:00Z"
	second.Annotations[api.RequestedAtAnnotation] = "2026-03-02T12:00:01Z"
	c := newCluster(true, first, second)
	c.policies = &onePolicy{v1alpha1.RolloutPolicySpec{MaxConcurrentRollouts: ptr.To[int32](1)}}
	wake := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer wake.ShutDown()
	require.NoError(t, c.wakeBy(t.Context(), wake))
	secondKey := types.NamespacedName{Namespace: "shop", Name: "second"}
	pass := func() {
		_, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: secondKey})
		require.NoError(t, err)
	}
	pass()
	assert.Equal(t, "Queued", reasonOf(c.get(t, "second")), "the other one was requested before")
	c.pass(t)
	c.get(t, newRCName(t))
	pass()
	assert.Equal(t, "Queued", reasonOf(c.get(t, "second")))
	require.Zero(t, wake.Len())

	require.NoError(t, c.Delete(t.Context(), c.get(t, "tomcat")))
	c.pass(t)
	require.Equal(t, 1, wake.Len(), "its end wakes the next")
	next, _ := wake.Get()
	assert.Equal(t, secondKey, next.NamespacedName)
}

// TestPausedIsNotWaitedFor: it leaves its place to the next.
func TestPausedIsNotWaitedFor(t *testing.T) {
	paused := rollingRC(t, 5)
	paused.Annotations[api.PausedAnnotation] = api.True
	c := newCluster(true, paused)
	c.policies = &onePolicy{v1alpha1.RolloutPolicySpec{MaxConcurrentRollouts: ptr.To[int32](1)}}
	waiting, err := c.waiting(t.Context(), time.Now(), types.NamespacedName{})
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	assert.False(t, waiting[0].Ready)
	c.pass(t)
	assert.Equal(t, rollout.ReasonPaused, reasonOf(c.get(t, "tomcat")))
}

// TestDefaultsAndLimits: settings come from the policy, and are bounded by it.
func TestDefaultsAndLimits(t *testing.T) {
	c := newCluster(true, rollingRC(t, 5), newRC(t, 0))
	surge, most := intstr.FromString("100%"), intstr.FromInt32(2)
	c.policies = &onePolicy{v1alpha1.RolloutPolicySpec{
		Defaults: &v1alpha1.RolloutDefaults{MaxSurge: &surge}, Limits: &v1alpha1.RolloutLimits{MaxSurge: &most}}}
	c.pass(t)
	assert.Equal(t, int32(2), *c.get(t, newRCName(t)).Spec.Replicas)
}

// TestStepsOfAPolicy: they divide the rollout of what has none of its own, as long as the
// policy has them.
func TestStepsOfAPolicy(t *testing.T) {
	old := rollingRC(t, 5)
	old.Spec.Replicas, old.Status.Replicas, old.Status.ReadyReplicas, old.Status.AvailableReplicas = ptr.To[int32](4), 4, 4, 4
	c := newCluster(true, old, newRC(t, 1))
	steps := []v1alpha1.Step{{Replicas: ptr.To[int32](1)}, {Pause: &v1alpha1.Pause{}}, {Percent: ptr.To[int32](50)}}
	policies := &onePolicy{v1alpha1.RolloutPolicySpec{Defaults: &v1alpha1.RolloutDefaults{Steps: steps}}}
	c.policies = policies
	c.pass(t)
	assert.Equal(t, rollout.ReasonPausedAtStep, reasonOf(c.get(t, "tomcat")))
	assert.Contains(t, rollout.FindCondition(c.get(t, "tomcat").Status.Conditions, rollout.Progressing).Message, "Paused at step 2 of 3")
	assert.Equal(t, int32(1), *c.get(t, newRCName(t)).Spec.Replicas)

	policies.spec = v1alpha1.RolloutPolicySpec{}
	c.pass(t)
	assert.Equal(t, int32(2), *c.get(t, newRCName(t)).Spec.Replicas)
}

// TestMinReadySecondsOfAPolicy: the new ReplicationController has them, and what the policy
// says later comes with its next pods. The user's own is left alone.
func TestMinReadySecondsOfAPolicy(t *testing.T) {
	c := newCluster(true, rollingRC(t, 5))
	policies := &onePolicy{v1alpha1.RolloutPolicySpec{Defaults: &v1alpha1.RolloutDefaults{MinReadySeconds: ptr.To[int32](30)}}}
	c.policies = policies
	c.pass(t)
	created := c.get(t, newRCName(t))
	assert.Equal(t, int32(30), created.Spec.MinReadySeconds)
	assert.Zero(t, *created.Spec.Replicas)

	created.Status.ObservedGeneration = created.Generation
	require.NoError(t, c.Status().Update(t.Context(), created))
	policies.spec.Defaults.MinReadySeconds = ptr.To[int32](20)
	for range 3 {
		c.pass(t)
	}
	scaled := c.get(t, newRCName(t))
	assert.Equal(t, int32(1), *scaled.Spec.Replicas)
	assert.Equal(t, int32(20), scaled.Spec.MinReadySeconds)
	assert.Zero(t, c.get(t, "tomcat").Spec.MinReadySeconds)
}

func TestStatusOf(t *testing.T) {
	stored := &v1alpha1.RolloutPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p", Generation: 3}, Spec: v1alpha1.RolloutPolicySpec{
		Frozen: &v1alpha1.Freeze{Reason: "r"}, Windows: []v1alpha1.Window{{Kind: v1alpha1.Deny, TimeZone: "Mars"}}}}
	now := time.Unix(1000, 0)
	status := statusOf(stored, policy.Compile([]v1alpha1.RolloutPolicy{*stored}).Named("p"), policyCount{matched: 3, inFlight: 1, queued: 2}, now)
	assert.True(t, status.Frozen)
	assert.Equal(t, int64(3), status.ObservedGeneration)
	assert.Equal(t, []int32{3, 1, 2}, []int32{status.Matched, status.InFlight, status.Queued})
	require.Len(t, status.Conditions, 1)
	assert.Equal(t, metav1.ConditionFalse, status.Conditions[0].Status)
	assert.Contains(t, status.Conditions[0].Message, "unknown time zone")
	stored.Status = status
	again := statusOf(stored, policy.Compile([]v1alpha1.RolloutPolicy{*stored}).Named("p"), policyCount{matched: 3, inFlight: 1, queued: 2}, now.Add(time.Hour))
	assert.Equal(t, status, again, "nothing is written for it")
}

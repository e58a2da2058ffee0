package agent

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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

// rivals are two rollouts, requested one after the other. Of what has the label tier one may
// roll at once.
type rivals struct {
	*cluster
	wake workqueue.TypedRateLimitingInterface[reconcile.Request]
}

var second = types.NamespacedName{Namespace: "shop", Name: "second"}

type tierPolicy struct{}

func (tierPolicy) For(_ context.Context, rc metav1.Object) (policy.Effective, error) {
	spec := v1alpha1.RolloutPolicySpec{
		Selector:              &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "tier", Operator: metav1.LabelSelectorOpExists}}},
		MaxConcurrentRollouts: ptr.To[int32](1),
	}
	return policy.Compile([]v1alpha1.RolloutPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: spec}}).For(policy.Target{Labels: rc.GetLabels()}), nil
}

func newRivals(t *testing.T) *rivals {
	t.Helper()
	former, latter := rollingRC(t, 5), rollingRC(t, 5)
	latter.Name, latter.UID = second.Name, "second"
	for rc, at := range map[*corev1.ReplicationController]string{former: "2026-03-02T12:00:00Z", latter: "2026-03-02T12:00:01Z"} {
		rc.Labels["tier"] = "prod"
		rc.Annotations[api.RequestedAtAnnotation] = at
	}
	r := &rivals{newCluster(true, former, latter), workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())}
	t.Cleanup(r.wake.ShutDown)
	r.policies = tierPolicy{}
	require.NoError(t, r.wakeBy(t.Context(), r.wake))
	return r
}

func (r *rivals) passSecond(t *testing.T) {
	t.Helper()
	_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: second})
	require.NoError(t, err)
}

// begin has the first one begin, and the second one wait.
func (r *rivals) begin(t *testing.T) {
	t.Helper()
	r.passSecond(t)
	assert.Equal(t, "Queued", reasonOf(r.get(t, second.Name)), "the other one was requested before")
	r.pass(t)
	r.get(t, newRCName(t))
	r.passSecond(t)
	require.Equal(t, "Queued", reasonOf(r.get(t, second.Name)))
	require.Zero(t, r.wake.Len())
}

func (r *rivals) change(t *testing.T, change func(first *corev1.ReplicationController)) {
	t.Helper()
	first := r.get(t, "tomcat")
	change(first)
	require.NoError(t, r.Update(t.Context(), first))
}

// TestQueue: with one at once the first requested begins, and where it leaves its place that
// wakes the second: at its end, when no policy selects it any longer, or while it waits for
// somebody else to let it be deleted.
func TestQueue(t *testing.T) {
	for name, leave := range map[string]func(*testing.T, *rivals){
		"it ends": func(t *testing.T, r *rivals) { require.NoError(t, r.Delete(t.Context(), r.get(t, "tomcat"))) },
		"it is selected no longer": func(t *testing.T, r *rivals) {
			r.change(t, func(first *corev1.ReplicationController) { delete(first.Labels, "tier") })
		},
		"it is being deleted": func(t *testing.T, r *rivals) {
			r.change(t, func(first *corev1.ReplicationController) { first.Finalizers = []string{"example.com/backup"} })
			require.NoError(t, r.Delete(t.Context(), r.get(t, "tomcat")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRivals(t)
			r.begin(t)
			leave(t, r)
			for range 3 {
				r.pass(t)
			}
			require.Equal(t, 1, r.wake.Len())
			next, _ := r.wake.Get()
			assert.Equal(t, second, next.NamespacedName)
		})
	}
}

// TestRequestedAgain: what was over before the agent saw that, and is requested again, waits
// behind who has waited for longer.
func TestRequestedAgain(t *testing.T) {
	r := newRivals(t)
	r.begin(t)
	require.NoError(t, r.Delete(t.Context(), r.get(t, newRCName(t))))
	r.change(t, func(first *corev1.ReplicationController) {
		first.Annotations[api.RequestedAtAnnotation] = "2026-03-02T13:00:00Z"
	})
	for range 3 {
		r.pass(t)
	}
	assert.Equal(t, "Queued", reasonOf(r.get(t, "tomcat")))
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

// TestMinReadySecondsInTheMiddle: pods of the new ReplicationController wait by what is asked for
// now, even if it has to grow no more before they are available.
func TestMinReadySecondsInTheMiddle(t *testing.T) {
	rc, next := rollingRC(t, 5), newRC(t, 1)
	rc.Annotations[api.RequestAnnotation] = request(t, 5).WithMinReadySeconds(36).String()
	require.NoError(t, unstructured.SetNestedField(next.Object, int64(3600), "spec", "minReadySeconds"))
	c := newCluster(true, rc, next)
	c.pass(t)
	assert.Equal(t, int32(36), c.get(t, next.GetName()).Spec.MinReadySeconds)
	assert.Equal(t, int32(1), *c.get(t, next.GetName()).Spec.Replicas)
	written := len(c.patches)
	c.pass(t)
	assert.Len(t, c.patches, written, "once")
}

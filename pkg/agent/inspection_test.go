package agent

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// TestInspection: the times between inspections double up to a minute, and a change of
// the member shortens them again, but never to less than the first.
func TestInspection(t *testing.T) {
	now, limits := time.Unix(1000, 0), defaultLimits()
	i, target := &inspection{}, rollout.Member{UID: "new", Pods: 1}
	i.await(target, time.Hour, limits, now)
	var waits []time.Duration
	for range 6 {
		waits = append(waits, i.next.Sub(now))
		now = i.next
		i.record(rollout.PodReport{}, limits, now)
		i.await(target, time.Hour, limits, now)
	}
	assert.Equal(t, []time.Duration{5e9, 5e9, 10e9, 20e9, 40e9, 60e9}, waits)

	target.Pods = 2
	i.await(target, time.Hour, limits, now)
	assert.Equal(t, 5*time.Second, i.next.Sub(now))
	assert.NotNil(t, i.report)
	now = now.Add(3 * time.Second)
	target.Pods = 3
	i.await(target, time.Hour, limits, now)
	assert.Equal(t, 2*time.Second, i.next.Sub(now), "changes in a row do not put it off")

	target.UID = "newer"
	i.await(target, 4*time.Second, limits, now)
	assert.Nil(t, i.report, "it is of the pods of another one")
	assert.Equal(t, 2*time.Second, i.next.Sub(now), "half of a short deadline")
	*i = inspection{}
	i.await(target, time.Nanosecond, limits, now)
	assert.Equal(t, time.Second, i.next.Sub(now))
}

// TestInspectionsAreLimited: of many rollouts that wait a few are inspected at once, and
// the others in turn.
func TestInspectionsAreLimited(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Unix(1000, 0))
	c := newCluster(true)
	c.memories = newMemories(clock, defaultLimits())
	limits := c.memories.limits
	waiting := make([]*observation, 100)
	target := rollout.Member{UID: "new"}
	for i := range waiting {
		waiting[i] = &observation{memory: c.memories.of(types.NamespacedName{Name: strconv.Itoa(i)}),
			members: map[types.UID]*unstructured.Unstructured{"new": newRC(t, 1)}}
		waiting[i].memory.inspection.await(target, time.Hour, limits, clock.Now())
	}
	inspected := map[int]bool{}
	inspect := func() {
		clock.SetTime(clock.Now().Add(limits.inspectFirst))
		for i, o := range waiting {
			o.snapshot.Now = clock.Now()
			if !o.memory.inspection.isDue(clock.Now()) {
				continue
			}
			require.NoError(t, c.answer(t.Context(), o, rollout.Decision{Question: rollout.InspectPods, Awaits: &target}))
			if o.snapshot.Inspection.Fresh {
				inspected[i] = true
			}
		}
	}
	inspect()
	assert.Len(t, inspected, limits.inspectionsAtOnce)
	assert.Equal(t, limits.inspectFirst, waiting[99].memory.inspection.next.Sub(clock.Now()), "one that was refused asks again when it would have")
	for range 12 {
		inspect()
	}
	assert.Len(t, inspected, len(waiting), "nobody is left out")
}

// waitingPod is the one new pod of newRC(t, 1), which cannot pull its image.
func waitingPod(t *testing.T) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "a", Labels: api.SpecOf(newRC(t, 1)).Selector(),
			OwnerReferences: []metav1.OwnerReference{{UID: "next", Controller: ptr.To(true)}},
		},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "tomcat", Image: "tomcat:8",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found"}},
		}}},
	}
}

// waiting is a rollout whose new pod is not available, with a clock, and the number of
// lists of pods.
func waiting(t *testing.T, annotations map[string]string) (c *cluster, clock *clocktesting.FakePassiveClock, lists *int) {
	t.Helper()
	rc, next := rollingRC(t, 5), newRC(t, 1)
	for key, value := range annotations {
		rc.Annotations[key] = value
	}
	require.NoError(t, unstructured.SetNestedField(next.Object, int64(0), "status", "availableReplicas"))
	c, clock, lists = newCluster(true, rc, next, waitingPod(t)), clocktesting.NewFakePassiveClock(time.Unix(100000, 0)), new(int)
	c.useClock(clock)
	c.live = interceptor.NewClient(c.WithWatch, interceptor.Funcs{
		List: func(ctx context.Context, upstream client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			*lists++
			return upstream.List(ctx, list, options...)
		},
	})
	return c, clock, lists
}

func TestReconcileTellsWhyItWaits(t *testing.T) {
	c, clock, lists := waiting(t, nil)
	c.pass(t) // the conditions
	assert.Equal(t, 5*time.Second, c.pass(t).RequeueAfter)
	assert.Zero(t, *lists, "most pods need no explanation")

	clock.SetTime(clock.Now().Add(5 * time.Second))
	c.pass(t)
	c.pass(t)
	c.pass(t)
	assert.Equal(t, 1, *lists)
	events := c.announced()
	require.Len(t, events, 1)
	assert.Contains(t, events[0], "Warning ImagePullBackOff Replacing the pods of tomcat by those of "+newRCName(t)+
		": ImagePullBackOff: container tomcat cannot pull image tomcat:8: not found (pod a)")

	patches := len(c.patches)
	for range 20 {
		clock.SetTime(clock.Now().Add(c.pass(t).RequeueAfter))
	}
	assert.Empty(t, c.patches[patches:])
	events = c.announced()
	require.Len(t, events, 1)
	assert.Contains(t, events[0], "Warning ProgressDeadlineExceeded")
	assert.Contains(t, events[0], "no progress for 10m0s: ImagePullBackOff")
	assert.LessOrEqual(t, *lists, 20)
}

func TestReconcileRollsBack(t *testing.T) {
	c, clock, _ := waiting(t, map[string]string{api.OnFailureAnnotation: "rollback", api.ProgressDeadlineAnnotation: "1m"})
	for range 20 {
		clock.SetTime(clock.Now().Add(c.pass(t).RequeueAfter))
		if len(c.patches) > 0 {
			break
		}
	}
	require.Len(t, c.patches, 1)
	assert.Contains(t, c.patches[0], `\"operation\":\"Cancel\"`)
}

// TestReconcileJudgesByTheLatest: a pod that was created since the last inspection gets its
// time before the rollout is called a failure.
func TestReconcileJudgesByTheLatest(t *testing.T) {
	c, clock, lists := waiting(t, map[string]string{api.ProgressDeadlineAnnotation: "12s"})
	c.pass(t)
	c.pass(t)
	for range 2 {
		clock.SetTime(clock.Now().Add(5 * time.Second))
		c.pass(t)
	}
	assert.Equal(t, 2, *lists, "the next inspection would be in 10 s")

	require.NoError(t, c.Delete(t.Context(), waitingPod(t)))
	pod := waitingPod(t)
	pod.CreationTimestamp = metav1.NewTime(clock.Now())
	require.NoError(t, c.Create(t.Context(), pod))
	clock.SetTime(clock.Now().Add(2 * time.Second))
	c.pass(t)
	assert.Equal(t, 3, *lists)
	assert.Equal(t, corev1.ConditionTrue, c.condition(t, rollout.Progressing).Status)
	clock.SetTime(clock.Now().Add(10 * time.Second))
	c.pass(t)
	assert.Equal(t, corev1.ConditionFalse, c.condition(t, rollout.Progressing).Status)
}

func (c *cluster) condition(t *testing.T, kind corev1.ReplicationControllerConditionType) corev1.ReplicationControllerCondition {
	t.Helper()
	for _, condition := range c.get(t, "tomcat").Status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	return corev1.ReplicationControllerCondition{}
}

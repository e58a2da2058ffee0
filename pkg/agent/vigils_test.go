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

// TestVigil: the times between looks double up to a minute, and a change of the
// member shortens them again, but never to less than the first.
func TestVigil(t *testing.T) {
	now := time.Unix(1000, 0)
	v, target := &vigil{}, rollout.Member{UID: "next", Pods: 1}
	v.keep(target, time.Hour, now)
	var waits []time.Duration
	for range 6 {
		waits = append(waits, v.next.Sub(now))
		now = v.next
		v.saw(rollout.Look{}, now)
		v.keep(target, time.Hour, now)
	}
	assert.Equal(t, []time.Duration{5e9, 5e9, 10e9, 20e9, 40e9, 60e9}, waits)

	target.Pods = 2
	v.keep(target, time.Hour, now)
	assert.Equal(t, 5*time.Second, v.next.Sub(now))
	assert.NotNil(t, v.look)
	now = now.Add(3 * time.Second)
	target.Pods = 3
	v.keep(target, time.Hour, now)
	assert.Equal(t, 2*time.Second, v.next.Sub(now), "changes in a row do not put it off")

	v.stepped(now)
	target.UID = "newer"
	v.keep(target, 4*time.Second, now)
	assert.Nil(t, v.look, "what the pods of another one told")
	assert.Equal(t, now, v.lastStep)
	assert.Equal(t, 2*time.Second, v.next.Sub(now), "half of a short deadline")
	v.end()
	v.keep(target, time.Nanosecond, now)
	assert.Equal(t, time.Second, v.next.Sub(now))
}

// TestLooksAreLimited: of many rollouts that wait a few look at once, and the others
// in turn.
func TestLooksAreLimited(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Unix(1000, 0))
	vs := newVigils(clock)
	waiting := make([]*vigil, 100)
	for i := range waiting {
		waiting[i] = vs.of(types.NamespacedName{Name: strconv.Itoa(i)})
		waiting[i].keep(rollout.Member{UID: "next"}, time.Hour, clock.Now())
	}
	looked := map[int]bool{}
	look := func() {
		clock.SetTime(clock.Now().Add(lookFirst))
		for i, v := range waiting {
			if v.isDue(clock.Now(), vs.looks) {
				looked[i] = true
				v.saw(rollout.Look{}, clock.Now())
			}
		}
	}
	look()
	assert.Len(t, looked, looksAtOnce)
	assert.Equal(t, lookFirst, waiting[99].next.Sub(clock.Now()), "one that was refused asks again when it would have")
	for range 12 {
		look()
	}
	assert.Len(t, looked, len(waiting), "nobody is left out")
}

// waitingPod is the one new pod of newRC(t, 1), which cannot get its image.
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
	c.clock = clock
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
		": ImagePullBackOff: container tomcat cannot get image tomcat:8: not found (pod a)")

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

func TestReconcileGivesUp(t *testing.T) {
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

// TestReconcileJudgesByTheLatest: a pod that was created since the last look gets its
// time before the rollout is called a failure.
func TestReconcileJudgesByTheLatest(t *testing.T) {
	c, clock, lists := waiting(t, map[string]string{api.ProgressDeadlineAnnotation: "12s"})
	c.pass(t)
	c.pass(t)
	for range 2 {
		clock.SetTime(clock.Now().Add(5 * time.Second))
		c.pass(t)
	}
	assert.Equal(t, 2, *lists, "the next look would be in 10 s")

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

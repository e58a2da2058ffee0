package agent

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
)

// crowd are many requested rollouts, and the queue of the controller.
type crowd struct {
	*cluster
	known compiled
	wake  workqueue.TypedRateLimitingInterface[reconcile.Request]

	// reads are from the API server, told are writes of conditions.
	reads, told int

	// timers are the passes that asked for another one, and not for an event.
	timers int
}

// compiled are policies that select everything, read once.
type compiled struct{ effective policy.Effective }

func (p *compiled) For(context.Context, metav1.Object) (policy.Effective, error) {
	return p.effective, nil
}

func (p *compiled) put(spec v1alpha1.RolloutPolicySpec) {
	p.effective = policy.Compile([]v1alpha1.RolloutPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: spec}}).For(policy.Target{})
}

func newCrowd(t *testing.T, n int, spec v1alpha1.RolloutPolicySpec) *crowd {
	objects := make([]client.Object, n)
	for i := range objects {
		rc := rollingRC(t, 1)
		rc.Name, rc.UID = fmt.Sprintf("rc-%04d", i), types.UID(fmt.Sprint(i))
		rc.Annotations[api.RequestedAtAnnotation] = time.Unix(int64(1e9+i), 0).UTC().Format(time.RFC3339)
		objects[i] = rc
	}
	c := &crowd{cluster: newCluster(true, objects...)}
	c.known.put(spec)
	c.policies, c.live = &c.known, &countingReader{Reader: c.WithWatch, calls: &c.reads}
	c.cached = &indexed{Client: c.WithWatch, owned: map[string][]unstructured.Unstructured{}, told: &c.told}
	c.reconciler.events = record.NewFakeRecorder(10 * n)
	c.wake = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(c.wake.ShutDown)
	require.NoError(t, c.wakeBy(t.Context(), c.wake))
	c.WakeAll(t.Context())
	require.Equal(t, n, c.wake.Len(), "all are looked at")
	return c
}

// indexed is a client that finds what is owned by the name of the owner, for which the fake one
// goes through all.
type indexed struct {
	client.Client
	owned map[string][]unstructured.Unstructured
	told  *int
}

func (c *indexed) Status() client.SubResourceWriter {
	*c.told++
	return c.Client.Status()
}

func (c *indexed) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	err := c.Client.Create(ctx, object, options...)
	if owner := api.ControllerOf(object); err == nil && owner != nil {
		c.owned[owner.Name] = append(c.owned[owner.Name], *object.(*unstructured.Unstructured).DeepCopy())
	}
	return err
}

func (c *indexed) List(ctx context.Context, into client.ObjectList, options ...client.ListOption) error {
	given := (&client.ListOptions{}).ApplyOptions(options)
	if given.FieldSelector == nil {
		return c.Client.List(ctx, into, options...)
	}
	into.(*unstructured.UnstructuredList).Items = c.owned[given.FieldSelector.Requirements()[0].Value]
	return nil
}

// countingReader counts what is read from the API server.
type countingReader struct {
	client.Reader
	calls *int
}

func (r *countingReader) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	*r.calls++
	return r.Reader.Get(ctx, key, into, options...)
}

func (r *countingReader) List(ctx context.Context, into client.ObjectList, options ...client.ListOption) error {
	*r.calls++
	return r.Reader.List(ctx, into, options...)
}

// passes empties the queue. What a pass writes comes back as an event, as from a watch.
func (c *crowd) passes(t *testing.T) (passes int) {
	for c.wake.Len() > 0 {
		request, _ := c.wake.Get()
		before := c.told
		result, err := c.Reconcile(t.Context(), request)
		require.NoError(t, err)
		if c.told > before {
			c.wake.Add(request)
		}
		if result.RequeueAfter > 0 {
			c.timers++
		}
		c.wake.Done(request)
		passes++
	}
	return passes
}

// begun are the rollouts for which there is a new ReplicationController, by the names of both.
func (c *crowd) begun(t *testing.T) map[string]string {
	list := emptyRCList()
	require.NoError(t, c.List(t.Context(), list))
	begun := map[string]string{}
	for i := range list.Items {
		if owner := api.ControllerOf(&list.Items[i]); owner != nil {
			begun[owner.Name] = list.Items[i].GetName()
		}
	}
	return begun
}

// TestThousandFrozen: a thousand that are frozen are told so, once each, and then nothing is
// read, written or looked at until a policy changes. Then so many begin as may, and no others
// are polled.
func TestThousandFrozen(t *testing.T) {
	const n, most = 1000, 10
	c := newCrowd(t, n, v1alpha1.RolloutPolicySpec{Frozen: &v1alpha1.Freeze{Reason: "incident"}})
	assert.Equal(t, 2*n, c.passes(t), "one that tells, and one for the event of that")
	assert.Equal(t, n, c.told)
	assert.Empty(t, c.patches)
	assert.Zero(t, c.reads, "nothing is asked of the API server")
	assert.Zero(t, c.timers, "nothing is due at any time")

	c.known.put(v1alpha1.RolloutPolicySpec{MaxConcurrentRollouts: ptr.To[int32](most)})
	c.WakeAll(t.Context())
	assert.Equal(t, n, c.wake.Len())
	for range n { // Each once: what begins goes on by events, which are not for here.
		request, _ := c.wake.Get()
		_, err := c.Reconcile(t.Context(), request)
		require.NoError(t, err)
		c.wake.Done(request)
	}
	begun := c.begun(t)
	assert.Len(t, begun, most)
	for i := range most {
		assert.Contains(t, begun, fmt.Sprintf("rc-%04d", i), "in the order of the requests")
	}
	assert.Equal(t, "Queued", reasonOf(c.get(t, "rc-0500")))
}

// TestQueueDrains: each that ends has one other begin, until all have.
func TestQueueDrains(t *testing.T) {
	const n, most = 60, 10
	c := newCrowd(t, n, v1alpha1.RolloutPolicySpec{MaxConcurrentRollouts: ptr.To[int32](most)})
	for ended := 0; ended < n; {
		for c.wake.Len() > 0 {
			request, _ := c.wake.Get()
			_, err := c.Reconcile(t.Context(), request)
			require.NoError(t, err)
			c.wake.Done(request)
		}
		begun := c.begun(t)
		require.Len(t, begun, min(most, n-ended))
		for name, newName := range begun {
			require.NoError(t, c.Delete(t.Context(), c.get(t, name)))
			require.NoError(t, c.Delete(t.Context(), c.get(t, newName)))
			_, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "shop", Name: name}})
			require.NoError(t, err)
			ended++
		}
	}
}

// TestPlaceIsLeft: a rollout that is over has no place for its next request, even if nobody
// waited for it.
func TestPlaceIsLeft(t *testing.T) {
	c := newCrowd(t, 1, v1alpha1.RolloutPolicySpec{MaxConcurrentRollouts: ptr.To[int32](1)})
	c.passes(t)
	key := types.NamespacedName{Namespace: "shop", Name: "rc-0000"}
	require.True(t, c.queue.has(key))
	rc := c.get(t, key.Name)
	delete(rc.Annotations, api.RequestAnnotation)
	require.NoError(t, c.Update(t.Context(), rc))
	_, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: key})
	require.NoError(t, err)
	assert.False(t, c.queue.has(key))
}

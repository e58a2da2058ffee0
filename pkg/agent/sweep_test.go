package agent

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// without is a cache that does not know an object, as one that selects by label.
type without struct {
	client.Client
	name string
}

func (w without) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	if key.Name == w.name {
		return apierrors.NewNotFound(corev1.Resource("replicationcontrollers"), key.Name)
	}
	return w.Client.Get(ctx, key, object, opts...)
}

// newLeftOver is a rollout that is over, of which the cache knows only what is left, with so
// many pods.
func newLeftOver(t *testing.T, pods int32) *cluster {
	t.Helper()
	over := rollingRC(t, 5)
	over.Labels, over.Annotations = nil, nil
	c := newCluster(true, over, newRC(t, pods))
	c.cached = without{c.WithWatch, "tomcat"}
	return c
}

// An agent with an old cache created a next ReplicationController when the rollout
// was over already.
func TestSweepWhatIsLeftOver(t *testing.T) {
	c := newLeftOver(t, 0)
	c.pass(t)
	err := c.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: newRCName(t)}, &corev1.ReplicationController{})
	assert.True(t, apierrors.IsNotFound(err), "%v", err)
	c.get(t, "tomcat")
}

// A rollout that the cache does not show yet is none that is over.
func TestSweepLeavesARolloutAlone(t *testing.T) {
	c := newCluster(true, rollingRC(t, 5), newRC(t, 1))
	c.cached = without{c.WithWatch, "tomcat"}
	assert.NotZero(t, c.pass(t).RequeueAfter, "the cache will show it")
	c.get(t, newRCName(t))
}

// stale is a cache that shows an object as it was.
type stale struct {
	client.Client
	rc *corev1.ReplicationController
}

func (s stale) Get(ctx context.Context, key client.ObjectKey, object client.Object, opts ...client.GetOption) error {
	if err := s.Client.Get(ctx, key, object, opts...); err != nil || key.Name != s.rc.Name {
		return err
	}
	object.SetResourceVersion("1")
	object.SetAnnotations(s.rc.Annotations)
	return nil
}

// A process that goes on with a rollout of another one may lack its last writes, until it
// has written by itself.
func TestTakeOver(t *testing.T) {
	c := newCluster(true, rollingRC(t, 5), newRC(t, 1))
	c.cached = stale{c.WithWatch, rollingRC(t, 5)}
	_, err := c.observe(t.Context(), tomcat)
	require.ErrorIs(t, err, errCacheBehind)

	c.cached = c.WithWatch
	c.pass(t)
	require.NotEmpty(t, c.patches)
	expectations := c.memories.of(tomcat).expectations
	expectations.settle("tomcat")
	expectations.settle(newRCName(t))
	c.cached = stale{c.WithWatch, rollingRC(t, 5)}
	_, err = c.observe(t.Context(), tomcat)
	require.NoError(t, err)
}

// Where rcroll is not enabled a request can be taken away in the middle of its rollout. What
// has pods then is left to its user, who is told.
func TestSweepLeavesPodsAlone(t *testing.T) {
	c := newLeftOver(t, 3)
	c.pass(t)
	c.get(t, newRCName(t))
	require.Len(t, c.announced(), 1)
}

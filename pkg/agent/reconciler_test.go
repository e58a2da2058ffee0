package agent

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/pkg/rollout"
)

var tomcat = types.NamespacedName{Namespace: "shop", Name: "tomcat"}

const newTemplate = `{"metadata":{"labels":{"app":"tomcat"}},"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}`

func request(t *testing.T, replicas int) api.Spec {
	t.Helper()
	spec, err := api.ParseSpec(fmt.Sprintf(`{"replicas":%d,"selector":{"app":"tomcat"},"template":%s}`, replicas, newTemplate))
	require.NoError(t, err)
	return spec
}

// rollingRC is tomcat at 7 with 8 requested, all of its pods available.
func rollingRC(t *testing.T, replicas int) *corev1.ReplicationController {
	t.Helper()
	return &corev1.ReplicationController{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ReplicationController"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "tomcat", UID: "rc", Generation: 1,
			Labels:      map[string]string{api.RollingLabel: api.True},
			Annotations: map[string]string{api.RequestAnnotation: request(t, replicas).String()},
		},
		Spec: corev1.ReplicationControllerSpec{
			Replicas: ptr.To(int32(replicas)),
			Selector: map[string]string{"app": "tomcat"},
			Template: &corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "tomcat"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "tomcat", Image: "tomcat:7"}}},
			},
		},
		Status: corev1.ReplicationControllerStatus{
			ObservedGeneration: 1, Replicas: int32(replicas), ReadyReplicas: int32(replicas), AvailableReplicas: int32(replicas),
		},
	}
}

func newRC(t *testing.T, replicas int32) *unstructured.Unstructured {
	t.Helper()
	rc := api.NewRC(rollingRC(t, 5), request(t, 5), api.DefaultHashLabelKey)
	rc.SetUID("next")
	rc.SetGeneration(1)
	require.NoError(t, unstructured.SetNestedField(rc.Object, int64(replicas), "spec", "replicas"))
	status := map[string]any{"observedGeneration": int64(1), "replicas": int64(replicas), "availableReplicas": int64(replicas)}
	require.NoError(t, unstructured.SetNestedMap(rc.Object, status, "status"))
	return rc
}

// cluster is a reconciler with an API server that is a fake, and has what the agent
// writes decided by pkg/mutate as the webhook does.
type cluster struct {
	*reconciler
	client.WithWatch
	events  *record.FakeRecorder
	patches []string
}

func newCluster(webhook bool, objects ...client.Object) *cluster {
	c := &cluster{events: record.NewFakeRecorder(100)}
	scheme := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme)
	c.WithWatch = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&corev1.ReplicationController{}).
		WithIndex(api.EmptyRC(), controllerIndex, nameOfController).
		WithInterceptorFuncs(interceptor.Funcs{Patch: func(ctx context.Context, upstream client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			body, err := patch.Data(object)
			if err != nil {
				return err
			}
			if _, isRevision := object.(*appsv1.ControllerRevision); isRevision {
				return upstream.Patch(ctx, object, patch, options...)
			}
			c.patches = append(c.patches, string(body))
			old := api.EmptyRC()
			if err := upstream.Get(ctx, client.ObjectKeyFromObject(object), old); err != nil {
				return err
			}
			if err := upstream.Patch(ctx, object, patch, options...); err != nil || !webhook {
				return err
			}
			return admit(ctx, upstream, old, object.(*unstructured.Unstructured))
		}}).Build()
	c.reconciler = newReconciler(clients{cached: c.WithWatch, live: c.WithWatch, events: c.events}, nil, api.DefaultHashLabelKey, clock.RealClock{}, defaultLimits())
	return c
}

// useClock replaces the clock, and what was remembered by the old one.
func (c *cluster) useClock(clock clock.PassiveClock) {
	c.clock, c.memories = clock, newMemories(clock, defaultLimits())
}

// webhookOptions are those of a webhook that knows the agent.
var webhookOptions = mutate.Options{HashLabelKey: api.DefaultHashLabelKey, AgentUser: "agent", WebhookUser: "webhook"}

// admit stores what the webhook makes of the agent's write, which is in object.
func admit(ctx context.Context, upstream client.Client, old, object *unstructured.Unstructured) error {
	decision := mutate.Decide(mutate.Write{Old: old, New: object.DeepCopy(), User: webhookOptions.AgentUser}, webhookOptions)
	if decision.Refusal != nil {
		return apierrors.NewConflict(corev1.Resource("replicationcontrollers"), object.GetName(), decision.Refusal)
	}
	*object = *decision.Object.DeepCopy()
	return upstream.Update(ctx, object)
}

func (c *cluster) pass(t *testing.T) reconcile.Result {
	t.Helper()
	result, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: tomcat})
	require.NoError(t, err)
	return result
}

func (c *cluster) get(t *testing.T, name string) *corev1.ReplicationController {
	t.Helper()
	rc := &corev1.ReplicationController{}
	require.NoError(t, c.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: name}, rc))
	return rc
}

func (c *cluster) announced() []string {
	var events []string
	for len(c.events.Events) > 0 {
		events = append(events, <-c.events.Events)
	}
	return events
}

func newRCName(t *testing.T) string {
	return api.NewRCName("tomcat", request(t, 5).Hash(api.DefaultHashLabelKey))
}

func TestReconcileStarts(t *testing.T) {
	c := newCluster(true, rollingRC(t, 5))
	c.pass(t)
	assert.Len(t, c.get(t, "tomcat").Status.Conditions, 2)
	created := c.get(t, newRCName(t))
	assert.Equal(t, int32(0), *created.Spec.Replicas)
	assert.Contains(t, created.Spec.Selector, api.SealedLabel, "without replicas it must match no pod")
	assert.Equal(t, []string{
		"Normal Created Created " + created.Name,
		"Normal ScalingReplicationController Scaling up " + created.Name + " from 0 to 5, scaling down tomcat from 5 to 0 (keep 5 pods available, don't exceed 6 pods)",
	}, c.announced())

	c.pass(t)
	scaled := c.get(t, created.Name).Spec
	assert.Equal(t, int32(1), *scaled.Replicas)
	labels := map[string]string{"app": "tomcat", api.DefaultHashLabelKey: request(t, 5).Hash(api.DefaultHashLabelKey)}
	assert.Equal(t, labels, scaled.Selector)
	labels[api.SuccessorLabel] = string(c.get(t, "tomcat").UID)
	assert.Equal(t, labels, scaled.Template.Labels)
	assert.Equal(t, []string{"Normal ScalingReplicationController Scaling " + created.Name + " up to 1"}, c.announced())
	for _, patch := range c.patches {
		assert.Contains(t, patch, `"resourceVersion"`, "every write is under a resource version")
		assert.NotContains(t, patch, "containers", "the agent writes no pod template")
	}
}

func TestReconcileScalesTheRCByPlan(t *testing.T) {
	c := newCluster(true, rollingRC(t, 5), newRC(t, 1))
	c.pass(t)
	assert.Equal(t, int32(4), *c.get(t, "tomcat").Spec.Replicas)
	assert.Len(t, c.get(t, "tomcat").Status.Conditions, 2, "written in the same pass, before")
	require.Len(t, c.patches, 1)
	assert.NotContains(t, c.patches[0], `"spec"`, "the agent does not write the RC's spec")
	assert.Equal(t, []string{"Normal ScalingReplicationController Scaling tomcat down to 4"}, c.announced())
}

func TestReconcileWithoutWebhook(t *testing.T) {
	c := newCluster(false, rollingRC(t, 5), newRC(t, 1))
	for range 2 {
		_, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: tomcat})
		assert.ErrorIs(t, err, errWebhookMissing)
		assert.ErrorContains(t, err, "shop/tomcat")
		events := c.announced()
		require.Len(t, events, 1)
		assert.Contains(t, events[0], "Warning StepFailed")
	}
	assert.Equal(t, int32(5), *c.get(t, "tomcat").Spec.Replicas)
}

func TestReconcileWaitsForItsOwnWrites(t *testing.T) {
	c := newCluster(true, rollingRC(t, 5), newRC(t, 1))
	expectations := &c.memories.of(tomcat).expectations
	expectations.set(newRCName(t), expectation{uid: "next", version: "1000000"})
	assert.Positive(t, c.pass(t).RequeueAfter)
	assert.Empty(t, c.patches)

	expectations.set("tomcat-gone", expectation{uid: "gone", version: "1000000", created: true})
	expectations.settle(newRCName(t))
	c.pass(t)
	assert.NotEmpty(t, c.patches, "what the API server does not know is not waited for")
}

func TestReconcileTakesAConflictForANewObservation(t *testing.T) {
	c := newCluster(true, rollingRC(t, 5))
	c.cached = interceptor.NewClient(c.WithWatch, interceptor.Funcs{
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return apierrors.NewConflict(corev1.Resource("replicationcontrollers"), "tomcat", nil)
		},
	})
	assert.Positive(t, c.pass(t).RequeueAfter)
	assert.Empty(t, c.announced(), "nothing is announced that did not happen")
}

func TestReconcileStopsForAForeignObject(t *testing.T) {
	foreign := newRC(t, 0)
	foreign.SetOwnerReferences(nil)
	foreign.SetLabels(nil)
	c := newCluster(true, rollingRC(t, 5), foreign)
	c.pass(t)
	events := c.announced()
	require.Len(t, events, 1)
	assert.Contains(t, events[0], "Warning NameConflict A ReplicationController named "+foreign.GetName())
	assert.Positive(t, c.pass(t).RequeueAfter)
	assert.Empty(t, c.announced(), "said once")
}

func TestReconcileStopsForWhatDoesNotParse(t *testing.T) {
	for _, key := range []string{api.MaxSurgeAnnotation, api.RequestAnnotation} {
		rc := rollingRC(t, 5)
		rc.Annotations[key] = "many"
		c := newCluster(true, rc, newRC(t, 1))
		c.pass(t)
		c.pass(t)
		events := c.announced()
		require.Len(t, events, 1)
		assert.Contains(t, events[0], key)
		assert.Equal(t, int32(5), *c.get(t, "tomcat").Spec.Replicas)
	}
}

func TestCountPods(t *testing.T) {
	labels := map[string]string{"app": "tomcat", "deployment": "x"}
	pod := func(name string, owner *metav1.OwnerReference, change func(*corev1.Pod)) client.Object {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: labels}}
		if owner != nil {
			pod.OwnerReferences = []metav1.OwnerReference{*owner}
		}
		change(pod)
		return pod
	}
	ref := func(uid types.UID, name string) *metav1.OwnerReference {
		return &metav1.OwnerReference{APIVersion: "v1", Kind: "ReplicationController", Name: name, UID: uid, Controller: ptr.To(true)}
	}
	same := func(*corev1.Pod) {}
	c := newCluster(true,
		pod("a", nil, same), pod("b", nil, same),
		pod("failed", nil, func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }),
		pod("terminating", nil, func(p *corev1.Pod) {
			p.DeletionTimestamp, p.Finalizers = ptr.To(metav1.Now()), []string{"x/y"}
		}),
		pod("other", nil, func(p *corev1.Pod) { p.Labels = map[string]string{"app": "tomcat"} }),
		pod("rc", ref("rc", "tomcat"), same),
		pod("next", ref("next", "tomcat-x"), same),
		pod("stranger", ref("stranger", "jetty"), same))
	rc := rollingRC(t, 5)
	rc.Spec.Selector = map[string]string{"app": "tomcat", "deployment": "x", api.SealedLabel: "x"}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(rc)
	require.NoError(t, err)
	o := &observation{key: tomcat, rc: &unstructured.Unstructured{Object: fields}}
	o.snapshot.RC.Name, o.snapshot.Sealed = "tomcat", "x"
	require.NoError(t, c.countPods(t.Context(), o))
	assert.Equal(t, &rollout.Pods{OfRC: 1, OfNewRC: 1, Orphans: 2}, o.snapshot.Pods)
}

func TestRolloutOf(t *testing.T) {
	rc := rollingRC(t, 5)
	assert.Equal(t, tomcat, rolloutOf(t.Context(), rc)[0].NamespacedName)
	assert.Equal(t, tomcat, rolloutOf(t.Context(), newRC(t, 0))[0].NamespacedName)
	rc.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps.openshift.io/v1", Kind: "DeploymentConfig", Name: "x", Controller: ptr.To(true)}}
	assert.Equal(t, tomcat, rolloutOf(t.Context(), rc)[0].NamespacedName, "an RC that something else controls is still its own rollout")
}

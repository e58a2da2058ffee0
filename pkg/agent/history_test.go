package agent

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/history"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// recording is a cluster whose agent keeps one revision beside the live one.
func recording(objects ...client.Object) *cluster {
	c := newCluster(true, objects...)
	limit := 1
	c.historyLimit = &limit
	return c
}

// revisions are what is recorded, as text.
func (c *cluster) revisions(t *testing.T) []string {
	t.Helper()
	list := &appsv1.ControllerRevisionList{}
	require.NoError(t, c.List(t.Context(), list, client.InNamespace("shop")))
	var out []string
	for i := range list.Items {
		revision := history.Of(&list.Items[i])
		spec, err := history.SpecOf(&list.Items[i])
		require.NoError(t, err)
		assert.True(t, history.IsOf(&list.Items[i], "rc"))
		assert.Equal(t, revision.Hash, spec.Hash(api.DefaultHashLabelKey))
		assert.Equal(t, "tomcat", list.Items[i].Labels["app"], "its user finds it as they find the pods")
		out = append(out, fmt.Sprint(revision.Number, " ", spec.DistinctImages(), " ", revision.Result, " ", revision.RequestedBy, " ", revision.ChangeCause))
	}
	return out
}

// requestedByAlice is tomcat:8, asked for with a cause.
func requestedByAlice(t *testing.T) *corev1.ReplicationController {
	rc := rollingRC(t, 5)
	rc.Annotations[api.RequestedByAnnotation] = "alice"
	rc.Annotations[api.RequestedAtAnnotation] = time.Now().UTC().Format(time.RFC3339)
	rc.Annotations[api.ChangeCauseAnnotation] = "CVE-1"
	return rc
}

// end is the RC when tomcat:8 is live, and is to be recorded.
func end(t *testing.T) *corev1.ReplicationController {
	rc := requestedByAlice(t)
	rc.Spec.Template.Spec.Containers[0].Image = "tomcat:8"
	rc.Annotations[api.PromotedAnnotation] = request(t, 5).Hash(api.DefaultHashLabelKey)
	rc.Status.Conditions = []corev1.ReplicationControllerCondition{
		{Type: rollout.Progressing, Status: corev1.ConditionTrue, Reason: rollout.ReasonComplete, Message: "tomcat has the requested template"},
	}
	return rc
}

func TestHistory(t *testing.T) {
	c := recording(requestedByAlice(t))
	c.pass(t)
	assert.ElementsMatch(t, []string{"1 [tomcat:7]   ", "2 [tomcat:8] Progressing alice CVE-1"}, c.revisions(t))

	// The one that takes over at the end has seen nothing of this.
	next := recording(end(t))
	list := &appsv1.ControllerRevisionList{}
	require.NoError(t, c.List(t.Context(), list))
	for i := range list.Items {
		list.Items[i].ResourceVersion = ""
		require.NoError(t, next.Create(t.Context(), &list.Items[i]))
	}
	next.pass(t)
	assert.NotContains(t, next.get(t, "tomcat").Annotations, api.RequestAnnotation)
	assert.NotContains(t, next.get(t, "tomcat").Annotations, api.ChangeCauseAnnotation)
	assert.ElementsMatch(t, []string{"1 [tomcat:7]   ", "2 [tomcat:8] Succeeded alice CVE-1"}, next.revisions(t))
}

// Before the request is forgotten the end is recorded, or the pass fails.
func TestHistoryIsWrittenFirst(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		goes  bool
		event string
	}{
		"forbidden":      {apierrors.NewForbidden(appsv1.Resource("controllerrevisions"), "", nil), true, "Warning HistoryIncomplete"},
		"taken":          {apierrors.NewAlreadyExists(appsv1.Resource("controllerrevisions"), ""), true, "Warning HistoryIncomplete"},
		"nobody knows":   {apierrors.NewInternalError(fmt.Errorf("etcd")), false, "Warning StepFailed"},
		"not now":        {apierrors.NewTooManyRequests("busy", 1), false, "Warning StepFailed"},
		"somebody wrote": {apierrors.NewConflict(appsv1.Resource("controllerrevisions"), "", nil), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := recording(requestedByAlice(t))
			cluster.cached = interceptor.NewClient(cluster.WithWatch, interceptor.Funcs{
				Create: func(ctx context.Context, upstream client.WithWatch, object client.Object, options ...client.CreateOption) error {
					if _, isRevision := object.(*appsv1.ControllerRevision); isRevision {
						return c.err
					}
					return upstream.Create(ctx, object, options...)
				},
			})
			_, _ = cluster.Reconcile(t.Context(), reconcile.Request{NamespacedName: tomcat})
			rc := api.EmptyRC()
			err := cluster.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: newRCName(t)}, rc)
			assert.Equal(t, c.goes, err == nil)
			events := cluster.announced()
			if c.event == "" {
				assert.Empty(t, events)
				return
			}
			require.NotEmpty(t, events)
			assert.Contains(t, events[0], c.event)
		})
	}
}

// What somebody else made to look like a revision is none.
func TestHistoryIsTheAgents(t *testing.T) {
	rc := requestedByAlice(t)
	forged, err := history.Object(rc, history.Revision{Number: 7, Hash: "x"}, request(t, 5), api.DefaultHashLabelKey)
	require.NoError(t, err)
	forged.OwnerReferences = nil
	forged.Name = "forged"
	c := recording(rc, forged)
	c.pass(t)
	require.NoError(t, c.Delete(t.Context(), forged))
	assert.ElementsMatch(t, []string{"1 [tomcat:7]   ", "2 [tomcat:8] Progressing alice CVE-1"}, c.revisions(t))
}

// Of two agents that record the same, one is too late, and has nothing to tell.
func TestHistoryOfTwoAgents(t *testing.T) {
	c := recording(requestedByAlice(t))
	isFirst := true
	c.cached = interceptor.NewClient(c.WithWatch, interceptor.Funcs{
		Create: func(ctx context.Context, upstream client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if revision, ok := object.(*appsv1.ControllerRevision); ok && isFirst {
				isFirst = false
				if err := upstream.Create(ctx, revision.DeepCopy()); err != nil {
					return err
				}
			}
			return upstream.Create(ctx, object, options...)
		},
	})
	c.pass(t)
	assert.ElementsMatch(t, []string{"1 [tomcat:7]   ", "2 [tomcat:8] Progressing alice CVE-1"}, c.revisions(t))
	assert.NotContains(t, fmt.Sprint(c.announced()), "HistoryIncomplete")
}

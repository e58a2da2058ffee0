package policies

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// With every webhook gone, what is not rolling is scaled, edited in its replicas and
// deleted as without rcroll, and so is what another kind controls. What rolls is not
// scaled, which is said, and goes on when the webhook is back. (Not parallel: it stops the
// webhook of all.)
func TestWithoutWebhook(t *testing.T) {
	idle := harness.Given(t, manifest.Tomcat(t, manifest.Replicas(2)))
	rolling := pausedHalfway(t)
	foreign := controlled(t)
	doomed := harness.Given(t, manifest.Tomcat(t, manifest.Replicas(2)))
	rollingToo := pausedHalfway(t)
	t.Cleanup(func() { assert.NoError(t, idle.Cluster.Run("start", harness.Webhook)) })
	require.NoError(t, idle.Cluster.Run("stop", harness.Webhook))

	idle.Kubectl("scale", idle.Ref(), "--replicas=3")
	idle.Await("three pods serve", harness.Serves("tomcat:7", 3))
	autoscale(idle, 4)
	idle.Await("four pods serve", harness.Serves("tomcat:7", 4))
	idle.Kubectl("patch", idle.Ref(), "-p", `{"spec":{"replicas":2,"minReadySeconds":1}}`)
	idle.Await("two pods serve", harness.Serves("tomcat:7", 2))
	idle.Kubectl("annotate", idle.Ref(), "note=x")
	idle.ExpectRefused("failed calling webhook", "set", "image", idle.Ref(), "tomcat=tomcat:8")
	idle.Kubectl("label", "namespace", idle.Namespace, "rcroll.dev/enabled=false")
	idle.Kubectl("set", "image", idle.Ref(), "tomcat=tomcat:8")
	idle.Kubectl("delete", idle.Ref())
	foreign("without a webhook")

	live := rolling.Stored().Spec.Replicas
	rolling.ExpectRefused("rc/tomcat: spec.replicas: a rolling update is under way, and the rcroll webhook, which records how many pods "+
		"there shall be at its end, did not answer: scale it again when the webhook runs", "scale", rolling.Ref(), "--replicas=7")
	assert.Equal(t, live, rolling.Stored().Spec.Replicas)

	for _, s := range []*harness.Scenario{doomed, rollingToo} {
		require.NoError(t, s.Cluster.Client.CoreV1().Namespaces().Delete(t.Context(), s.Namespace, metav1.DeleteOptions{}))
		s.Await("nothing is left", func(m observe.Moment) bool { return m.RC == nil && len(m.Others) == 0 && len(m.Pods) == 0 })
		require.Eventually(t, func() bool {
			_, err := s.Cluster.Client.CoreV1().Namespaces().Get(context.Background(), s.Namespace, metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		}, harness.Patience, harness.Patience/100)
	}

	require.NoError(t, rolling.Cluster.Run("start", harness.Webhook))
	rolling.Kubectl("scale", rolling.Ref(), "--replicas=6")
	rolling.Kubectl("annotate", rolling.Ref(), "rcroll.dev/paused-")
	rolling.AwaitRollout("tomcat:8", 6)
}

// autoscale writes what a HorizontalPodAutoscaler writes, with its rights.
func autoscale(s *harness.Scenario, replicas int32) {
	s.Helper()
	autoscaler := inItsName(s.T, "system:serviceaccount:kube-system:horizontal-pod-autoscaler")
	_, err := autoscaler.CoreV1().ReplicationControllers(s.Namespace).
		UpdateScale(context.Background(), s.RCName, scaleTo(s.RCName, s.Namespace, replicas), metav1.UpdateOptions{})
	require.NoError(s, err)
}

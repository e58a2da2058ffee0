package rollouts

import (
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/observe"
)

// pods are all of the namespace, finished ones too.
func (s *scenario) pods() []corev1.Pod {
	s.Helper()
	list, err := s.Cluster.Client.CoreV1().Pods(s.Namespace).List(harness.Context(s.T), metav1.ListOptions{})
	assert.NoError(s, err)
	return list.Items
}

// A new pod that is evicted half-way is replaced, and stays to be read about. After the
// rollout it belongs to the user's ReplicationController like the others, and goes with it.
func TestEvictedHalfway(t *testing.T) {
	t.Parallel()
	s := givenHalfway(t)
	evicted := s.Now().WithImage("tomcat:8")[0].Name
	s.Kubectl("patch", "pod", evicted, "--subresource=status", "-p", `{"status":{"phase":"Failed","reason":"Evicted"}}`)
	s.Await("the rollout is over", func(m observe.Moment) bool {
		return m.RC.Image == "tomcat:8" && !harness.Pending(m) && len(m.Owned()) == 0
	})
	uid, found := s.Stored().UID, false
	for _, pod := range s.pods() {
		owner := metav1.GetControllerOf(&pod)
		if assert.NotNil(t, owner, pod.Name) {
			assert.Equal(t, uid, owner.UID, pod.Name)
		}
		found = found || pod.Name == evicted
	}
	assert.True(t, found, "it can still be read about")
	s.Kubectl("delete", s.Ref(), "--wait=false")
	s.eventually("no pod outlives it", func() bool { return len(s.pods()) == 0 })
}

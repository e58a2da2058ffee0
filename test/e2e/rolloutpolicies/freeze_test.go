package rolloutpolicies

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

const (
	// frozenEnv is how many requests are frozen: make test-freeze has a thousand.
	frozenEnv = "RCROLL_FROZEN"

	usuallyFrozen = 20

	// quiet is how long nothing may be asked while the freeze lasts: a poll would come more often.
	quiet = 15 * time.Second
)

// Requests that a freeze holds cost nothing while it lasts. When it is lifted they all roll,
// no more at once than may.
func TestManyFrozen(t *testing.T) {
	n := harness.Number(t, frozenEnv, usuallyFrozen)
	most := max(3, n/20)
	s := harness.NewScenario(t, "tomcat")
	c := newCrowd(s, n)
	policyFor(s, `frozen: {reason: incident}`)
	s.Kubectl("set", "image", "rc", "--all", "tomcat=tomcat:8")
	c.await("all are frozen", func(rc *corev1.ReplicationController) bool {
		progressing := rollout.FindCondition(rc.Status.Conditions, rollout.Progressing)
		return progressing != nil && progressing.Reason == "Frozen"
	})
	require.Eventually(t, func() bool {
		return s.Kubectl("get", "rolloutpolicy", s.Namespace, "-o", "jsonpath={.status.queued}").Stdout == strconv.Itoa(n)
	}, harness.Patience, time.Second)

	before := harness.RequestsOf(t, harness.Agent, s.Namespace)
	require.Greater(t, before, n, "it has told each")
	time.Sleep(quiet)
	assert.Equal(t, before, harness.RequestsOf(t, harness.Agent, s.Namespace), "nothing is asked while all are frozen")

	lifted := time.Now()
	s.Kubectl("patch", "rolloutpolicy", s.Namespace, "--type=merge", "-p", fmt.Sprintf(`{"spec":{"frozen":null,"maxConcurrentRollouts":%d}}`, most))
	c.await("all have rolled", func(rc *corev1.ReplicationController) bool {
		return rc.Spec.Template.Spec.Containers[0].Image == "tomcat:8" && rc.Annotations[api.RequestAnnotation] == ""
	})
	t.Logf("%d frozen: %d requests until all were told; lifted, at most %d of %d at once were seen, and all were over after %.0f s",
		n, before, c.most, most, time.Since(lifted).Seconds())
	assert.LessOrEqual(t, c.most, most)
	assert.Positive(t, c.most)
}

// crowd are many ReplicationControllers of one pod.
type crowd struct {
	*harness.Scenario
	n int

	// most is how many were seen rolling at once.
	most int
}

func newCrowd(s *harness.Scenario, n int) *crowd {
	s.Helper()
	c := &crowd{Scenario: s, n: n}
	for i := range n {
		rc := harness.NewRC(fmt.Sprintf("tomcat-%04d", i), func(rc *corev1.ReplicationController) { rc.Spec.Replicas = ptr.To[int32](1) })
		_, err := s.RCs().Create(s.Context(), rc, metav1.CreateOptions{})
		require.NoError(s, err)
	}
	c.await("all have their pods", func(rc *corev1.ReplicationController) bool { return rc.Status.AvailableReplicas == 1 })
	return c
}

// await waits until something holds for all that users see, as long as they need.
func (c *crowd) await(what string, holds func(*corev1.ReplicationController) bool) {
	c.Helper()
	require.Eventually(c, func() bool {
		list, err := c.RCs().List(c.Context(), metav1.ListOptions{})
		if !assert.NoError(c, err) {
			return false
		}
		c.count(list.Items)
		held := 0
		for i := range list.Items {
			if metav1.GetControllerOf(&list.Items[i]) == nil && holds(&list.Items[i]) {
				held++
			}
		}
		return held == c.n
	}, harness.Patience+time.Duration(c.n)*time.Second, 500*time.Millisecond, what)
}

// count notes how many are rolling: they are requested, and own a ReplicationController.
func (c *crowd) count(rcs []corev1.ReplicationController) {
	owners := map[string]bool{}
	for i := range rcs {
		if owner := metav1.GetControllerOf(&rcs[i]); owner != nil {
			owners[owner.Name] = true
		}
	}
	rolling := 0
	for i := range rcs {
		if owners[rcs[i].Name] && rcs[i].Annotations[api.RequestAnnotation] != "" {
			rolling++
		}
	}
	c.most = max(c.most, rolling)
}

package rollouts

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// kubectl scale in the middle of a rollout says how many pods there shall be at its
// end. What is there of the old ones is not touched by it.
func TestScaleHalfway(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		to     string
		n      int
		bounds observe.Bounds
	}{
		"up":   {"--replicas=8", 8, observe.Bounds{MinAvailable: 5, MaxPods: 9, Created: 8, Deleted: 5}},
		"down": {"--replicas=3", 3, observe.Bounds{MinAvailable: 3, MaxPods: 6, Created: observe.Any, Deleted: observe.Any}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, manifest.Tomcat(t))
			s.SetImage("tomcat=tomcat:8")
			s.AwaitHalfway("tomcat:8")
			out := s.Kubectl("scale", "rc/tomcat", c.to)
			assert.Contains(t, out.Stdout, "replicationcontroller/tomcat scaled")
			s.AwaitRollout("tomcat:8", c.n)
			s.Expect(c.bounds)
			s.expectNeverScaledUp()
		})
	}
}

// kubectl scale works as ever where nothing is under way, before and after a rollout.
func TestScale(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.Kubectl("scale", "rc/tomcat", "--replicas=6")
	s.Await("six pods serve", harness.Serves("tomcat:7", 6))
	s.Kubectl("scale", "rc/tomcat", "--replicas=2")
	s.Await("two pods serve", harness.Serves("tomcat:7", 2))

	s.Begin()
	s.SetImage("tomcat=tomcat:8")
	s.AwaitRollout("tomcat:8", 2)
	s.Expect(harness.SurgeOne(2))
	s.Kubectl("scale", "rc/tomcat", "--replicas=4")
	s.Await("four pods serve", harness.Serves("tomcat:8", 4))
}

// Scaled to nothing half-way: the rollout ends without pods.
func TestScaleToNothingHalfway(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Kubectl("scale", "rc/tomcat", "--replicas=0")
	s.AwaitRollout("tomcat:8", 0)
}

// An autoscaler computes from what it takes for all pods, the old ones that are left.
// While a rollout is under way it may ask for more, and not for less.
func TestAutoscaler(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.autoscale(3)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))

	s.Begin()
	s.SetImage("tomcat=tomcat:9")
	s.AwaitHalfway("tomcat:9")
	s.autoscale(7)
	s.AwaitRollout("tomcat:9", 7)
	s.Expect(observe.Bounds{MinAvailable: 5, MaxPods: 8, Created: 7, Deleted: 5})
}

// autoscale writes what a HorizontalPodAutoscaler writes, with its rights.
func (s *scenario) autoscale(replicas int) {
	s.Helper()
	scale := fmt.Sprintf(`{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":%q,"namespace":%q},"spec":{"replicas":%d}}`,
		s.RCName, s.Namespace, replicas)
	path := fmt.Sprintf("/api/v1/namespaces/%s/replicationcontrollers/%s/scale", s.Namespace, s.RCName)
	s.KubectlWithInput(scale, "replace", "--raw", path, "-f", "-", "--as=system:serviceaccount:kube-system:horizontal-pod-autoscaler")
}

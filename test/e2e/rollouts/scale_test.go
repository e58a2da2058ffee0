package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

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
			s := given(t, tomcat(t))
			s.setImage("tomcat=tomcat:8")
			s.halfway("tomcat:8")
			told := s.kubectl("scale", "rc/tomcat", c.to)
			assert.Contains(t, told.stdout, "replicationcontroller/tomcat scaled")
			s.rolledOut("tomcat:8", c.n)
			s.keeps(c.bounds)
			s.neverScaledUp()
		})
	}
}

// kubectl scale works as ever where nothing is under way, before and after a rollout.
func TestScale(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.kubectl("scale", "rc/tomcat", "--replicas=6")
	s.await("six pods serve", serves("tomcat:7", 6))
	s.kubectl("scale", "rc/tomcat", "--replicas=2")
	s.await("two pods serve", serves("tomcat:7", 2))

	s.Begin()
	s.setImage("tomcat=tomcat:8")
	s.rolledOut("tomcat:8", 2)
	s.keeps(surge1(2))
	s.kubectl("scale", "rc/tomcat", "--replicas=4")
	s.await("four pods serve", serves("tomcat:8", 4))
}

// Scaled to nothing half-way: the rollout ends without pods.
func TestScaleToNothingHalfway(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.setImage("tomcat=tomcat:8")
	s.halfway("tomcat:8")
	s.kubectl("scale", "rc/tomcat", "--replicas=0")
	s.rolledOut("tomcat:8", 0)
}

// An autoscaler computes from what it takes for all pods, the old ones that are left.
// While a rollout is under way it may ask for more, and not for less.
func TestAutoscaler(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.setImage("tomcat=tomcat:8")
	s.halfway("tomcat:8")
	s.autoscale(3)
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))

	s.Begin()
	s.setImage("tomcat=tomcat:9")
	s.halfway("tomcat:9")
	s.autoscale(7)
	s.rolledOut("tomcat:9", 7)
	s.keeps(observe.Bounds{MinAvailable: 5, MaxPods: 8, Created: 7, Deleted: 5})
}

// autoscale writes what a HorizontalPodAutoscaler writes, with its rights.
func (s *scenario) autoscale(replicas int) {
	s.Helper()
	scale := fmt.Sprintf(`{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":%q,"namespace":%q},"spec":{"replicas":%d}}`,
		s.name, s.namespace, replicas)
	path := fmt.Sprintf("/api/v1/namespaces/%s/replicationcontrollers/%s/scale", s.namespace, s.name)
	s.feed(scale, "replace", "--raw", path, "-f", "-", "--as=system:serviceaccount:kube-system:horizontal-pod-autoscaler")
}

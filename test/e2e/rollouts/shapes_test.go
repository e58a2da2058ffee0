package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/observe"
)

// Any ReplicationController rolls, whatever it looks like.
func TestShapes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		manifest manifest
		bounds   observe.Bounds
	}{
		"one replica":   {tomcat(t, replicas(1)), surge1(1)},
		"many replicas": {tomcat(t, replicas(20)), surge1(20)},
		"selector spelled out": {
			tomcat(t, selecting(map[string]string{"app": "tomcat"})), surge1(5),
		},
		"no surge": {
			tomcat(t, annotated(api.MaxSurgeAnnotation, "0", api.MaxUnavailableAnnotation, "1")),
			observe.Bounds{MinAvailable: 4, MaxPods: 5, Created: 5, Deleted: 5},
		},
		"percentages": {
			tomcat(t, replicas(10), annotated(api.MaxSurgeAnnotation, "25%", api.MaxUnavailableAnnotation, "25%")),
			observe.Bounds{MinAvailable: 8, MaxPods: 13, Created: 10, Deleted: 10},
		},
		"long name": {
			tomcat(t, named(strings.Repeat("tomcat-", 35)+"rc-42")), surge1(5),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, c.manifest)
			s.setImage("tomcat=tomcat:8")
			s.rolledOut("tomcat:8", c.manifest.replicas())
			s.keeps(c.bounds)
			s.neverScaledUp()
		})
	}
}

// The manifest that spells its selector out does not know the hash label: applying
// it, in or out of a rollout, must not take the label away.
func TestSelectorSpelledOutInAPipeline(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {serverSide}} {
		t.Run("apply "+strings.Join(flags, " "), func(t *testing.T) {
			t.Parallel()
			m := tomcat(t, selecting(map[string]string{"app": "tomcat"}))
			s := given(t, m, flags...)
			for _, next := range []string{"tomcat:8", "tomcat:9"} {
				s.Begin()
				s.apply(m.with(image(next)), flags...)
				s.halfway(next)
				s.apply(m.with(image(next)), flags...)
				hash := s.rolledOut(next, 5).RC.Spec.Selector[api.DefaultHashLabelKey]
				s.keeps(surge1(5))
				s.apply(m.with(image(next), replicas(5)), flags...)
				assert.Equal(t, hash, s.Now().RC.Spec.Selector[api.DefaultHashLabelKey])
			}
		})
	}
}

// Each container's image is one that rolls, and all of them at once.
func TestContainers(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t, container("containers", "proxy", "proxy:1"), container("initContainers", "setup", "setup:1")))
	steps := []struct{ assignment, images string }{
		{"tomcat=tomcat:8", "tomcat:8,proxy:1,setup:1"},
		{"proxy=proxy:2", "tomcat:8,proxy:2,setup:1"},
		{"setup=setup:2", "tomcat:8,proxy:2,setup:2"},
		{"*=all:3", "all:3,all:3,all:3"},
	}
	for _, step := range steps {
		s.Begin()
		s.setImage(step.assignment)
		s.rolledOut(step.images, 5)
		s.keeps(surge1(5))
	}
}

// Two containers edited one after the other while a rollout is under way add up.
func TestContainersAddUp(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t, container("containers", "proxy", "proxy:1")))
	s.setImage("tomcat=tomcat:8")
	s.halfway("tomcat:8,proxy:1")
	s.setImage("proxy=proxy:2")
	s.rolledOut("tomcat:8,proxy:2", 5)
	s.keeps(anyTurnover(5))
}

// Without pods there is nothing to replace: the edit is live at once.
func TestNoReplicas(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t, replicas(0)))
	told := s.setImage("tomcat=tomcat:8")
	assert.Empty(t, told.stderr)
	s.await("the edit is live", serves("tomcat:8", 0))
	assert.Empty(t, s.Result().Created())

	s.kubectl("scale", "rc/tomcat", "--replicas=2")
	s.await("pods of the edited template serve", serves("tomcat:8", 2))
}

package rollouts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// Any ReplicationController rolls, whatever it looks like.
func TestShapes(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		rc     manifest.RC
		bounds observe.Bounds
	}{
		"one replica":   {manifest.Tomcat(t, manifest.Replicas(1)), harness.SurgeOne(1)},
		"many replicas": {manifest.Tomcat(t, manifest.Replicas(20)), harness.SurgeOne(20)},
		"selector spelled out": {
			manifest.Tomcat(t, manifest.Selecting(map[string]string{"app": "tomcat"})), harness.SurgeOne(5),
		},
		"no surge": {
			manifest.Tomcat(t, manifest.Annotated(api.MaxSurgeAnnotation, "0", api.MaxUnavailableAnnotation, "1")),
			observe.Bounds{MinAvailable: 4, MaxPods: 5, Created: 5, Deleted: 5},
		},
		"percentages": {
			manifest.Tomcat(t, manifest.Replicas(10), manifest.Annotated(api.MaxSurgeAnnotation, "25%", api.MaxUnavailableAnnotation, "25%")),
			observe.Bounds{MinAvailable: 8, MaxPods: 13, Created: 10, Deleted: 10},
		},
		"long name": {
			manifest.Tomcat(t, manifest.Named(strings.Repeat("tomcat-", 35)+"rc-42")), harness.SurgeOne(5),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, c.rc)
			s.SetImage("tomcat=tomcat:8")
			s.AwaitRollout("tomcat:8", c.rc.Replicas())
			s.Expect(c.bounds)
			s.expectNeverScaledUp()
		})
	}
}

// The manifest that spells its selector out does not know the hash label: applying
// it, in or out of a rollout, must not take the label away.
func TestSelectorSpelledOutInAPipeline(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {harness.ServerSide}} {
		t.Run("apply "+strings.Join(flags, " "), func(t *testing.T) {
			t.Parallel()
			m := manifest.Tomcat(t, manifest.Selecting(map[string]string{"app": "tomcat"}))
			s := given(t, m, flags...)
			for _, image := range []string{"tomcat:8", "tomcat:9"} {
				s.Begin()
				s.Apply(m.With(manifest.Image(image)), flags...)
				s.AwaitHalfway(image)
				s.Apply(m.With(manifest.Image(image)), flags...)
				hash := s.AwaitRollout(image, 5).RC.Spec.Selector[api.DefaultHashLabelKey]
				s.Expect(harness.SurgeOne(5))
				s.Apply(m.With(manifest.Image(image), manifest.Replicas(5)), flags...)
				assert.Equal(t, hash, s.Now().RC.Spec.Selector[api.DefaultHashLabelKey])
			}
		})
	}
}

// Each container's image is one that rolls, and all of them at once.
func TestContainers(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Container("containers", "proxy", "proxy:1"), manifest.Container("initContainers", "setup", "setup:1")))
	steps := []struct{ assignment, images string }{
		{"tomcat=tomcat:8", "tomcat:8,proxy:1,setup:1"},
		{"proxy=proxy:2", "tomcat:8,proxy:2,setup:1"},
		{"setup=setup:2", "tomcat:8,proxy:2,setup:2"},
		{"*=all:3", "all:3,all:3,all:3"},
	}
	for _, step := range steps {
		s.Begin()
		s.SetImage(step.assignment)
		s.AwaitRollout(step.images, 5)
		s.Expect(harness.SurgeOne(5))
	}
}

// Two containers edited one after the other while a rollout is under way add up.
func TestContainersAddUp(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Container("containers", "proxy", "proxy:1")))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8,proxy:1")
	s.SetImage("proxy=proxy:2")
	s.AwaitRollout("tomcat:8,proxy:2", 5)
	s.Expect(harness.AnyTurnover(5))
}

// Without pods there is nothing to replace: the edit is live at once.
func TestNoReplicas(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Replicas(0)))
	out := s.SetImage("tomcat=tomcat:8")
	assert.Empty(t, out.Stderr)
	s.Await("the edit is live", harness.Serves("tomcat:8", 0))
	assert.Empty(t, s.Result().Created())

	s.Kubectl("scale", "rc/tomcat", "--replicas=2")
	s.Await("pods of the edited template serve", harness.Serves("tomcat:8", 2))
}

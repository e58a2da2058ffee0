package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/test/observe"
)

// Another image half-way: the rollout goes there instead, and nothing is left of
// the one before.
func TestRetarget(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.setImage("tomcat=tomcat:8")
	s.halfway("tomcat:8")
	told := s.setImage("tomcat=tomcat:9")
	assert.Contains(t, told.stderr, "the rolling update in progress now targets tomcat:9")
	s.rolledOut("tomcat:9", 5)
	s.keeps(anyTurnover(5))
	s.neverScaledUp()
}

// There and on and back again, faster than any pod gets ready.
func TestRetargetInARow(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	for _, image := range []string{"tomcat:8", "tomcat:9", "tomcat:10", "tomcat:8", "tomcat:9"} {
		s.setImage("tomcat=" + image)
	}
	s.rolledOut("tomcat:9", 5)
	s.keeps(anyTurnover(5))
}

// What is edited besides the image while a rollout is under way comes with it, and
// never with the old image.
func TestImageAndEnvironmentAddUp(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.setImage("tomcat=tomcat:8")
	s.halfway("tomcat:8")
	s.kubectl("set", "env", "rc/tomcat", "MODE=new")
	s.kubectl("patch", "rc/tomcat", "-p", `{"spec":{"template":{"metadata":{"labels":{"tier":"web"}}}}}`)
	end := s.rolledOut("tomcat:8", 5)

	assert.Equal(t, "new", envOf(end.RC.Spec.Template, "MODE"))
	assert.Equal(t, "web", end.RC.Spec.Template.Labels["tier"])
	s.keeps(anyTurnover(5))
	s.neverMixed()
}

// A manifest in which more than the image is edited is rolled out as a whole.
func TestManifestAsAWhole(t *testing.T) {
	t.Parallel()
	m := tomcat(t)
	s := given(t, m)
	s.apply(m.with(image("tomcat:8"), env("MODE", "new")))
	s.halfway("tomcat:8")
	s.apply(m.with(image("tomcat:8"), env("MODE", "newer")))
	end := s.rolledOut("tomcat:8", 5)
	assert.Equal(t, "newer", envOf(end.RC.Spec.Template, "MODE"))
	s.keeps(anyTurnover(5))
	s.neverMixed()
}

// neverMixed fails the test if the old image got the new environment.
func (s *scenario) neverMixed() {
	s.Helper()
	mixed, found := s.Result().First(func(m observe.Moment) bool {
		return m.RC.Image == "tomcat:7" && envOf(m.RC.Spec.Template, "MODE") != ""
	})
	assert.False(s, found, "the old image got the new environment: %s", mixed)
}

// An edit of the environment alone is none of rcroll's business: as ever it is for
// the pods to come. The next image edit takes it along.
func TestEnvironmentAlonePasses(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	told := s.kubectl("set", "env", "rc/tomcat", "MODE=new")
	assert.Empty(t, told.stderr)
	passed := s.await("the edit is live", func(m observe.Moment) bool { return envOf(m.RC.Spec.Template, "MODE") == "new" })
	assert.False(t, pending(passed))

	s.setImage("tomcat=tomcat:8")
	end := s.rolledOut("tomcat:8", 5)
	assert.Equal(t, "new", envOf(end.RC.Spec.Template, "MODE"))
	s.keeps(surge1(5))

	// The template changed since its hash was put on the pods: a rollout still ends.
	s.Begin()
	s.kubectl("set", "env", "rc/tomcat", "MODE=newer")
	s.setImage("tomcat=tomcat:9")
	s.rolledOut("tomcat:9", 5)
	s.keeps(surge1(5))
}

// An image that does not exist costs no pod that serves, and the next edit is enough
// to get over it.
func TestBadImage(t *testing.T) {
	t.Parallel()
	for _, image := range []string{"tomcat:bad", "tomcat:crash"} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			s := given(t, tomcat(t))
			s.setImage("tomcat=" + image)
			s.await("the new pod cannot start", func(m observe.Moment) bool { return len(m.WithImage(image)) == 1 })
			s.setImage("tomcat=tomcat:8")
			s.rolledOut("tomcat:8", 5)
			s.keeps(observe.Bounds{MinAvailable: 5, MaxPods: 6, Created: 6, Deleted: 6})
		})
	}
}

// A template that a ReplicationController may have and no pod can: pods cannot even
// be created. (Images with blanks around them are such for the sake of old times.)
func TestTemplateThatNoPodCanHave(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.kubectl("patch", "rc/tomcat", "-p", `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":" tomcat:8"}]}}}}`)
	s.await("pods cannot be created", func(m observe.Moment) bool {
		return len(m.Next()) == 1 && condition(&m.Next()[0], corev1.ReplicationControllerReplicaFailure) != nil
	})
	s.setImage("tomcat=tomcat:8")
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

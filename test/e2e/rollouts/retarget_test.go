package rollouts

import (
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// Another image half-way: the rollout goes there instead, and nothing is left of
// the one before.
func TestRetarget(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	out := s.SetImage("tomcat=tomcat:9")
	assert.Contains(t, out.Stderr, "the rolling update in progress now targets tomcat:9")
	s.AwaitRollout("tomcat:9", 5)
	s.Expect(harness.AnyTurnover(5))
	s.expectNeverScaledUp()
}

// There and on and back again, faster than any pod gets ready.
func TestRetargetInARow(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	for _, image := range []string{"tomcat:8", "tomcat:9", "tomcat:10", "tomcat:8", "tomcat:9"} {
		s.SetImage("tomcat=" + image)
	}
	s.AwaitRollout("tomcat:9", 5)
	s.Expect(harness.AnyTurnover(5))
}

// What is edited besides the image while a rollout is under way comes with it, and
// never with the old image.
func TestImageAndEnvironmentAddUp(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Kubectl("set", "env", "rc/tomcat", "MODE=new")
	s.Kubectl("patch", "rc/tomcat", "-p", `{"spec":{"template":{"metadata":{"labels":{"tier":"web"}}}}}`)
	end := s.AwaitRollout("tomcat:8", 5)

	assert.Equal(t, "new", envOf(end.RC.Spec.Template, "MODE"))
	assert.Equal(t, "web", end.RC.Spec.Template.Labels["tier"])
	s.Expect(harness.AnyTurnover(5))
	s.neverMixed()
}

// A manifest in which more than the image is edited is rolled out as a whole.
func TestManifestAsAWhole(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t)
	s := given(t, m)
	s.Apply(m.With(manifest.Image("tomcat:8"), manifest.Env("MODE", "new")))
	s.AwaitHalfway("tomcat:8")
	s.Apply(m.With(manifest.Image("tomcat:8"), manifest.Env("MODE", "newer")))
	end := s.AwaitRollout("tomcat:8", 5)
	assert.Equal(t, "newer", envOf(end.RC.Spec.Template, "MODE"))
	s.Expect(harness.AnyTurnover(5))
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

// An edit of the environment alone is not rcroll's business: as ever it is for
// pods that are created later. The following edit of the image rolls it out.
func TestEnvironmentAlonePasses(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	out := s.Kubectl("set", "env", "rc/tomcat", "MODE=new")
	assert.Empty(t, out.Stderr)
	passed := s.Await("the edit is live", func(m observe.Moment) bool { return envOf(m.RC.Spec.Template, "MODE") == "new" })
	assert.False(t, harness.Pending(passed))

	s.SetImage("tomcat=tomcat:8")
	end := s.AwaitRollout("tomcat:8", 5)
	assert.Equal(t, "new", envOf(end.RC.Spec.Template, "MODE"))
	s.Expect(harness.SurgeOne(5))

	// The template changed since its hash was put on the pods: a rollout still ends.
	s.Begin()
	s.Kubectl("set", "env", "rc/tomcat", "MODE=newer")
	s.SetImage("tomcat=tomcat:9")
	s.AwaitRollout("tomcat:9", 5)
	s.Expect(harness.SurgeOne(5))
}

// envOf is a variable in the first container of a template.
func envOf(template *corev1.PodTemplateSpec, name string) string {
	for _, variable := range template.Spec.Containers[0].Env {
		if variable.Name == name {
			return variable.Value
		}
	}
	return ""
}

// An image that does not exist costs no pod that serves, and the next edit is enough
// to get over it.
func TestBadImage(t *testing.T) {
	t.Parallel()
	for _, image := range []string{"tomcat:bad", "tomcat:crash"} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			s := given(t, manifest.Tomcat(t))
			s.SetImage("tomcat=" + image)
			s.Await("the new pod cannot start", func(m observe.Moment) bool { return len(m.WithImage(image)) == 1 })
			s.SetImage("tomcat=tomcat:8")
			s.AwaitRollout("tomcat:8", 5)
			s.Expect(observe.Bounds{MinAvailable: 5, MaxPods: 6, Created: 6, Deleted: 6})
		})
	}
}

// A template that a ReplicationController may have and no pod can: pods cannot even
// be created. (Images with blanks around them are such for the sake of old times.)
func TestTemplateThatNoPodCanHave(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.Kubectl("patch", "rc/tomcat", "-p", `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":" tomcat:8"}]}}}}`)
	s.Await("pods cannot be created", func(m observe.Moment) bool {
		return len(m.Owned()) == 1 && harness.Condition(&m.Owned()[0], corev1.ReplicationControllerReplicaFailure) != nil
	})
	s.SetImage("tomcat=tomcat:8")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

package rollouts

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// Asking half-way for what is live brings the old pods back, in every way in which
// it can be asked for.
func TestCancel(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		applyFlags []string
		cancel     func(*scenario, manifest.RC)
	}{
		"apply": {
			cancel: func(s *scenario, m manifest.RC) { s.Apply(m) },
		},
		"apply under another name": {
			applyFlags: []string{"--field-manager=ci"},
			cancel:     func(s *scenario, m manifest.RC) { s.Apply(m, "--field-manager=ci") },
		},
		"apply server-side": {
			applyFlags: []string{harness.ServerSide},
			cancel:     func(s *scenario, m manifest.RC) { s.Apply(m, harness.ServerSide) },
		},
		"replace": {
			cancel: func(s *scenario, m manifest.RC) { s.KubectlWithInput(m.YAML(s), "replace", "-f", "-") },
		},
		"removal of the request": {
			cancel: func(s *scenario, _ manifest.RC) { s.Kubectl("annotate", s.Ref(), api.RequestAnnotation+"-") },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := manifest.Tomcat(t)
			s := given(t, m, c.applyFlags...)
			if slices.Contains(c.applyFlags, harness.ServerSide) {
				s.Apply(m.With(manifest.Image("tomcat:8")), c.applyFlags...)
			} else {
				s.SetImage("tomcat=tomcat:8")
			}
			s.AwaitHalfway("tomcat:8")
			c.cancel(s, m)
			s.AwaitRollback("tomcat:7", 5)
			s.Expect(harness.AnyTurnover(5))
			assert.NotContains(t, s.Now().RC.Spec.Selector, api.DefaultHashLabelKey)
			s.expectStory(rollout.ReasonCreated, rollout.ReasonScaling, rollout.ReasonRollingBack, rollout.ReasonScaling, rollout.ReasonDeleted, rollout.ReasonSucceeded)

			s.Begin()
			s.SetImage("tomcat=tomcat:8")
			s.AwaitRollout("tomcat:8", 5)
			s.Expect(harness.SurgeOne(5))
		})
	}
}

// A cancel before anything happened leaves everything as it was.
func TestCancelAtOnce(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t, manifest.Annotated(api.PausedAnnotation, "true"))
	s := given(t, m, harness.ServerSide)
	s.Apply(m.With(manifest.Image("tomcat:8")), harness.ServerSide)
	s.Await("the rollout is paused", isPaused)
	s.Apply(m, harness.ServerSide)
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"-")
	s.AwaitRollback("tomcat:7", 5)
	s.Expect(harness.AnyTurnover(5))
	assert.Empty(t, s.Result().Created())
}

// kubectl computes its patch from the live object and sends none that is empty: what
// is live cannot be asked for by set image. The rollout goes on.
func TestSetImageToTheLiveImageSendsNothing(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.SetImage("tomcat=tomcat:7")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// Once the new image is live, set image back to the old one is a rollout like any
// other. Here it comes while the promotion is under way.
func TestSetImageBackDuringPromotion(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.Await("the promotion begins", harness.Sealed)
	s.SetImage("tomcat=tomcat:7")
	s.Await("the old image is asked for", harness.Requests("tomcat:7"))
	s.AwaitRollout("tomcat:7", 5)
	bounds := harness.SurgeOne(5)
	bounds.Created, bounds.Deleted = 10, 10
	s.Expect(bounds)
}

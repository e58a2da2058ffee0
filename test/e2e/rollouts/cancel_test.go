package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
)

// Asking half-way for what is live brings the old pods back, in every way in which
// it can be asked for.
func TestCancel(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		applyFlags []string
		cancel     func(*scenario, manifest)
	}{
		"apply": {
			cancel: func(s *scenario, m manifest) { s.apply(m) },
		},
		"apply server-side": {
			applyFlags: []string{serverSide},
			cancel:     func(s *scenario, m manifest) { s.apply(m, serverSide) },
		},
		"replace": {
			cancel: func(s *scenario, m manifest) { s.feed(m.yaml(s), "replace", "-f", "-") },
		},
		"removal of the request": {
			cancel: func(s *scenario, _ manifest) { s.kubectl("annotate", s.ref(), api.RequestAnnotation+"-") },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := tomcat(t)
			s := given(t, m, c.applyFlags...)
			if c.applyFlags == nil {
				s.setImage("tomcat=tomcat:8")
			} else {
				s.apply(m.with(image("tomcat:8")), c.applyFlags...)
			}
			s.halfway("tomcat:8")
			c.cancel(s, m)
			s.rolledBack("tomcat:7", 5)
			s.keeps(anyTurnover(5))
			assert.NotContains(t, s.Now().RC.Spec.Selector, api.DefaultHashLabelKey)

			s.Begin()
			s.setImage("tomcat=tomcat:8")
			s.rolledOut("tomcat:8", 5)
			s.keeps(surge1(5))
		})
	}
}

// A cancel before anything happened leaves everything as it was.
func TestCancelAtOnce(t *testing.T) {
	t.Parallel()
	m := tomcat(t, annotated(api.PausedAnnotation, "true"))
	s := given(t, m, serverSide)
	s.apply(m.with(image("tomcat:8")), serverSide)
	s.await("the rollout is paused", isPaused)
	s.apply(m, serverSide)
	s.kubectl("annotate", s.ref(), api.PausedAnnotation+"-")
	s.rolledBack("tomcat:7", 5)
	s.keeps(anyTurnover(5))
	assert.Empty(t, s.Result().Created())
}

// kubectl computes its patch from the live object and sends none that is empty: what
// is live cannot be asked for by set image. The rollout goes on.
func TestSetImageToTheLiveImageSendsNothing(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.setImage("tomcat=tomcat:8")
	s.halfway("tomcat:8")
	s.setImage("tomcat=tomcat:7")
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

// Once the new image is live, set image back to the old one is a rollout like any
// other. Here it comes while the promotion is under way.
func TestSetImageBackDuringPromotion(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.setImage("tomcat=tomcat:8")
	s.await("the promotion begins", isSealed)
	s.setImage("tomcat=tomcat:7")
	s.await("the old image is asked for", requests("tomcat:7"))
	s.rolledOut("tomcat:7", 5)
	bounds := surge1(5)
	bounds.Created, bounds.Deleted = 10, 10
	s.keeps(bounds)
}

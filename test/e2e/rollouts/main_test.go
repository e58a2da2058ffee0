package rollouts

import (
	"testing"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

func TestMain(m *testing.M) { harness.Main(m) }

// scenario is a harness.Scenario with what these tests do besides.
type scenario struct{ *harness.Scenario }

func given(t *testing.T, rc manifest.RC, applyFlags ...string) *scenario {
	t.Helper()
	return &scenario{harness.Given(t, rc, applyFlags...)}
}

func newScenario(t *testing.T) *scenario {
	t.Helper()
	return &scenario{harness.NewScenario(t, "tomcat")}
}

// expectNeverScaledUp fails the test if the live replicas were raised before the
// promotion, which they are only by a rollback or by somebody who gets past the webhook.
func (s *scenario) expectNeverScaledUp() {
	s.Helper()
	moments := s.Result().Moments
	for i := 1; i < len(moments); i++ {
		before, after := moments[i-1].RC, moments[i].RC
		if after.Replicas() > before.Replicas() && !harness.Sealed(moments[i-1]) {
			s.Errorf("live replicas raised from %d to %d: %s", before.Replicas(), after.Replicas(), moments[i])
		}
	}
}

package kill

import (
	"testing"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

func TestMain(m *testing.M) { harness.Main(m) }

// scenario is a harness.Scenario with what these tests do besides.
type scenario struct{ *harness.Scenario }

func given(t *testing.T, edits ...manifest.Edit) *scenario {
	t.Helper()
	return &scenario{harness.Given(t, manifest.Tomcat(t, edits...))}
}

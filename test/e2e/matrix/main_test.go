package matrix

import (
	"testing"

	"github.com/rcroll/rcroll/test/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// scenario is a harness.Scenario with the clients of the matrix.
type scenario struct{ *harness.Scenario }

package security

import (
	"testing"

	"github.com/rcroll/rcroll/test/e2e/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// Package prometheus tests the alerts with promtool.
package prometheus

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// programsEnv names the directory that promtool is built into, as an absolute
// path: make test-prometheus. To compile them takes minutes.
const programsEnv = "RCROLL_PROMETHEUS"

// TestAlerts: each alert fires where it should, and does not where it nearly does.
func TestAlerts(t *testing.T) {
	directory := os.Getenv(programsEnv)
	if directory == "" {
		t.Skipf("%s does not name the directory with promtool (make test-prometheus does)", programsEnv)
	}
	for _, arguments := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", "../../contrib/prometheus/alerts.yaml"},
		{"test", "rules", "testdata/alerts_test.yaml"},
	} {
		output, err := exec.CommandContext(t.Context(), filepath.Join(directory, "promtool"), arguments...).CombinedOutput()
		t.Logf("%s", output)
		require.NoError(t, err)
	}
}

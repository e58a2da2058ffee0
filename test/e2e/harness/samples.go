package harness

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// MetricsAddress is where the agent or the webhook of the control plane serves its metrics.
// localcluster chooses the port, and the command line of the process has it.
func MetricsAddress(t *testing.T, component string) string {
	t.Helper()
	pid, err := Cluster(t).Pid(component)
	require.NoError(t, err)
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	require.NoError(t, err)
	for argument := range strings.SplitSeq(string(content), "\x00") {
		if address, found := strings.CutPrefix(argument, "--metrics-bind-address="); found {
			return address
		}
	}
	require.FailNow(t, component+" serves no metrics")
	return ""
}

// Samples are the values of the agent's or the webhook's metrics, by series.
func Samples(t *testing.T, component string) map[string]float64 {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+MetricsAddress(t, component)+"/metrics", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(content))
	samples := map[string]float64{}
	for line := range strings.Lines(string(content)) {
		if series, value, found := strings.Cut(strings.TrimSpace(line), " "); found && series != "#" {
			samples[series], err = strconv.ParseFloat(value, 64)
			require.NoError(t, err, line)
		}
	}
	return samples
}

// ExpectIncrease checks by how much the series that want names increase while f runs.
// Tests that use it do not run in parallel with others.
func ExpectIncrease(t *testing.T, component string, want map[string]float64, f func()) {
	t.Helper()
	before := Samples(t, component)
	f()
	after := Samples(t, component)
	got := map[string]float64{}
	for series := range want {
		require.Contains(t, after, series, fmt.Sprintf("a metric of %s", component))
		got[series] = after[series] - before[series]
	}
	assert.Equal(t, want, got)
}

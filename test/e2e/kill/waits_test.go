package kill

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// documentedWaits are the commands by which the documents tell a pipeline to wait for
// tomcat:8, as arguments of kubectl and without their timeout.
func documentedWaits(t *testing.T) [][]string {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	command := regexp.MustCompile(`(?m)^ +(?:\$ )?kubectl (wait rc/tomcat .*)$`)
	var waits [][]string
	for _, file := range append(files, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range command.FindAllStringSubmatch(string(text), -1) {
			line := regexp.MustCompile(` --timeout=\S+`).ReplaceAllString(match[1], "")
			waits = append(waits, strings.Fields(strings.ReplaceAll(line, "'", "")))
		}
	}
	require.NotEmpty(t, waits)
	return waits
}

// A pipeline that waits is never told too early that its rollout is done, whatever an
// earlier one left behind: neither without an agent nor between two leaders.
func TestDocumentedWaits(t *testing.T) {
	withoutAgent(t)
	waits := documentedWaits(t)
	for name, interrupt := range map[string]func(t *testing.T, leader *program) (resume func()){
		"without an agent": func(t *testing.T, leader *program) func() {
			leader.terminate()
			leader.awaitEnd()
			return func() { runAgent(t, nil).awaitReady() }
		},
		"between two leaders": func(t *testing.T, leader *program) func() {
			runAgent(t, nil).awaitReady()
			leader.kill()
			return func() {} // The Lease runs out.
		},
	} {
		t.Run(name, func(t *testing.T) {
			leader := runAgent(t, nil)
			s := given(t, manifest.Replicas(killReplicas))
			require.NoError(t, s.ask("tomcat:9"))
			s.AwaitRollout("tomcat:9", killReplicas)
			resume := interrupt(t, leader)
			require.NoError(t, s.ask("tomcat:8"))
			for _, wait := range waits {
				out := s.TryKubectl("", append(wait, "--timeout=2s")...)
				assert.Equal(t, 1, out.ExitCode, "%v\n%s%s", wait, out.Stdout, out.Stderr)
				assert.Contains(t, out.Stderr, "timed out waiting")
			}
			resume()
			for _, wait := range waits {
				s.Kubectl(append(wait, "--timeout=50s")...)
				assert.True(t, harness.Available("tomcat:8", killReplicas)(s.Now()), "%v", wait)
			}
			s.AwaitRollout("tomcat:8", killReplicas)
		})
	}
}

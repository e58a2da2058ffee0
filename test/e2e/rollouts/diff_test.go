package rollouts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// After a rollout, the manifest that was applied is what is there: kubectl diff, as
// pipelines run it to find drift, shows nothing, and to apply it once more changes
// nothing.
func TestDiffIsEmptyAfterRollout(t *testing.T) {
	t.Parallel()
	shapes := map[string]manifest.RC{
		"plain":                manifest.Tomcat(t, manifest.Replicas(2)),
		"selector spelled out": manifest.Tomcat(t, manifest.Replicas(2), manifest.Selecting(map[string]string{"app": "tomcat"})),
	}
	for name, m := range shapes {
		for _, flags := range [][]string{nil, {harness.ServerSide}} {
			t.Run(name+" "+strings.Join(flags, " "), func(t *testing.T) {
				t.Parallel()
				s := given(t, m, flags...)
				s.noDiff(m, flags...)
				s.Apply(m.With(manifest.Image("tomcat:8")), flags...)
				end := s.AwaitRollout("tomcat:8", 2)
				s.noDiff(m.With(manifest.Image("tomcat:8")), flags...)

				s.Apply(m.With(manifest.Image("tomcat:8")), flags...)
				assert.Equal(t, end.RC.Generation, s.Stored().Generation)
				assert.Equal(t, end.RC.Spec, s.Stored().Spec)
			})
		}
	}
}

// noDiff fails the test if kubectl diff shows a difference.
func (s *scenario) noDiff(m manifest.RC, flags ...string) {
	s.Helper()
	differs := s.TryKubectl(m.YAML(s), append([]string{"diff", "-f", "-"}, flags...)...)
	assert.Zero(s, differs.ExitCode, "%s%s", differs.Stdout, differs.Stderr)
}

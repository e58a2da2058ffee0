package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// After a rollout, the manifest that was applied is what is there: kubectl diff, as
// pipelines run it to find drift, shows nothing, and to apply it once more changes
// nothing.
func TestDiffIsEmptyAfterRollout(t *testing.T) {
	t.Parallel()
	shapes := map[string]manifest{
		"plain":                tomcat(t, replicas(2)),
		"selector spelled out": tomcat(t, replicas(2), selecting(map[string]string{"app": "tomcat"})),
	}
	for name, m := range shapes {
		for _, flags := range [][]string{nil, {serverSide}} {
			t.Run(name+" "+strings.Join(flags, " "), func(t *testing.T) {
				t.Parallel()
				s := given(t, m, flags...)
				s.noDiff(m, flags...)
				s.apply(m.with(image("tomcat:8")), flags...)
				end := s.rolledOut("tomcat:8", 2)
				s.noDiff(m.with(image("tomcat:8")), flags...)

				s.apply(m.with(image("tomcat:8")), flags...)
				assert.Equal(t, end.RC.Generation, s.get().Generation)
				assert.Equal(t, end.RC.Spec, s.get().Spec)
			})
		}
	}
}

// noDiff fails the test if kubectl diff shows a difference.
func (s *scenario) noDiff(m manifest, flags ...string) {
	s.Helper()
	differs := s.try(m.yaml(s), append([]string{"diff", "-f", "-"}, flags...)...)
	assert.Zero(s, differs.exitCode, "%s%s", differs.stdout, differs.stderr)
}

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
)

// What is only tried leaves no trace, neither while nothing is under way nor in the
// middle of a rollout.
func TestTrialsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	m := tomcat(t)
	s := given(t, m)
	s.tryEverything(m)

	s.halfwayAtRest()
	s.tryEverything(m)
	s.kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

func (s *scenario) tryEverything(m manifest) {
	s.Helper()
	const dryRun = "--dry-run=server"
	s.leavesNoTrace(func() {
		for _, wanted := range []manifest{m, m.with(image("tomcat:9")), m.with(image("tomcat:9"), replicas(7))} {
			differs := s.try(wanted.yaml(s), "diff", "-f", "-")
			assert.LessOrEqual(s, differs.exitCode, 1, "kubectl diff failed: %s", differs.stderr)
			differs = s.try(wanted.yaml(s), "diff", serverSide, "--force-conflicts", "-f", "-")
			assert.LessOrEqual(s, differs.exitCode, 1, "kubectl diff --server-side failed: %s", differs.stderr)
			s.apply(wanted, dryRun)
			s.apply(wanted, dryRun, serverSide, "--force-conflicts")
			s.feed(wanted.yaml(s), "replace", dryRun, "-f", "-")
		}
		s.setImage("tomcat=tomcat:9", dryRun)
		s.kubectl("set", "env", "rc/tomcat", "MODE=new", dryRun)
		s.kubectl("scale", "rc/tomcat", "--replicas=7", dryRun)
		s.kubectl("annotate", "rc/tomcat", api.MaxSurgeAnnotation+"=2", dryRun)
	})
}

package rollouts

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// What is only tried leaves no trace, neither while nothing is under way nor in the
// middle of a rollout.
func TestTrialsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t)
	s := given(t, m)
	s.tryEverything(m)

	s.halfwayAtRest()
	s.tryEverything(m)
	s.Kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

func (s *scenario) tryEverything(m manifest.RC) {
	s.Helper()
	const dryRun = "--dry-run=server"
	s.ExpectUnchanged(func() {
		for _, wanted := range []manifest.RC{m, m.With(manifest.Image("tomcat:9")), m.With(manifest.Image("tomcat:9"), manifest.Replicas(7))} {
			differs := s.TryKubectl(wanted.YAML(s), "diff", "-f", "-")
			assert.LessOrEqual(s, differs.ExitCode, 1, "kubectl diff failed: %s", differs.Stderr)
			differs = s.TryKubectl(wanted.YAML(s), "diff", harness.ServerSide, "--force-conflicts", "-f", "-")
			assert.LessOrEqual(s, differs.ExitCode, 1, "kubectl diff --server-side failed: %s", differs.Stderr)
			s.Apply(wanted, dryRun)
			s.Apply(wanted, dryRun, harness.ServerSide, "--force-conflicts")
			s.KubectlWithInput(wanted.YAML(s), "replace", dryRun, "-f", "-")
		}
		s.SetImage("tomcat=tomcat:9", dryRun)
		s.Kubectl("set", "env", "rc/tomcat", "MODE=new", dryRun)
		s.Kubectl("scale", "rc/tomcat", "--replicas=7", dryRun)
		s.Kubectl("annotate", "rc/tomcat", api.MaxSurgeAnnotation+"=2", dryRun)
	})
}

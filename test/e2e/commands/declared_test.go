package commands

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// Whoever goes back while a GitOps controller owns the images is told that it will undo
// that; others are not.
func TestAbortWhatIsDeclared(t *testing.T) {
	t.Parallel()
	for manager, warns := range map[string]bool{"kustomize-controller": true, "kubectl": false} {
		t.Run(manager, func(t *testing.T) {
			t.Parallel()
			m := manifest.Tomcat(t, manifest.Replicas(1), manifest.Annotated(api.PausedAnnotation, "true"))
			s := &scenario{harness.Given(t, m, harness.ServerSide, "--field-manager="+manager)}
			s.Apply(m.With(manifest.Image("tomcat:8")), harness.ServerSide, "--field-manager="+manager)
			s.Await("8 is requested", harness.Requests("tomcat:8"))
			out := s.run("rcroll", "abort", "tomcat")
			require.Zero(t, out.ExitCode, out.Stderr)
			assert.Equal(t, "replicationcontroller/tomcat aborted\n", out.Stdout)
			warning := "Warning: rc/tomcat: its images belong to kustomize-controller, which will put back what its manifest says: change that as well"
			assert.Equal(t, warns, strings.Contains(out.Stderr, warning+"\n"), out.Stderr)
			s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"-")
			s.AwaitRollback("tomcat:7", 1)
		})
	}
}

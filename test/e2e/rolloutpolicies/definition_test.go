package rolloutpolicies

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

const (
	definition     = "rolloutpolicies.rcroll.dev"
	definitionFile = "../../../manifests/base/crds/rcroll.dev_rolloutpolicies.yaml"
)

// Before there were policies, rcroll was installed without their resource definition. All is
// as it was then, for a process that starts, too; the definition may come while a rollout is
// in progress, and a policy holds that one from then on. It is not parallel: the others need
// the definition.
func TestWithoutDefinition(t *testing.T) {
	s := harness.Given(t, manifest.Tomcat(t))
	s.Kubectl("delete", "crd", definition)
	for _, component := range []string{harness.Webhook, harness.Agent} {
		require.NoError(t, s.Cluster.Kill(component))
		require.NoError(t, s.Cluster.Run("start", component))
	}
	s.SetImage("tomcat=tomcat:8")
	s.AwaitRollout("tomcat:8", 5)

	s.SetImage("tomcat=tomcat:9")
	s.AwaitHalfway("tomcat:9")
	s.Kubectl("annotate", "rc/tomcat", "rcroll.dev/paused=true")
	s.Kubectl("apply", "--server-side", "-f", definitionFile)
	s.Kubectl("wait", "crd/"+definition, "--for=condition=Established", "--timeout=60s")
	policyFor(s, `frozen: {reason: incident}`)
	s.Kubectl("annotate", "rc/tomcat", "rcroll.dev/paused-")
	held := s.Await("it is frozen", reads("Frozen"))
	assert.NotEmpty(t, held.Owned())
	s.Kubectl("delete", "rolloutpolicy", s.Namespace)
	s.AwaitRollout("tomcat:9", 5)
}

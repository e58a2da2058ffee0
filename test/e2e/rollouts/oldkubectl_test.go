package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
)

// Who still has a kubectl that knows rolling-update can go on using it: rcroll lets
// its new ReplicationControllers, its labels, and at last the deletion pass. And who
// does so can use rcroll afterwards.
func TestOldRollingUpdate(t *testing.T) {
	t.Parallel()
	version := func(version string) func(manifest) {
		labels := map[string]string{"app": "tomcat", "version": version}
		return func(m manifest) { selecting(labels)(m); labelled(labels)(m) }
	}
	manifest8 := tomcat(t, replicas(2), image("tomcat:8"), named("tomcat-8"), version("8"))
	for name, c := range map[string]struct {
		stdin, left string
		args        []string
	}{
		"to an image":   {left: "tomcat", args: []string{"tomcat", "--image=tomcat:8"}},
		"to a manifest": {left: "tomcat", args: []string{"tomcat", "--filename=-"}, stdin: manifest8.yaml(t)},
		"to a new name": {left: "tomcat-8", args: []string{"tomcat", "tomcat-8", "--image=tomcat:8"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, tomcat(t, replicas(2), version("7")))
			told := s.execute(cluster.oldKubectl, c.stdin, append([]string{"rolling-update", "--update-period=1s"}, c.args...)...)
			require.Zero(t, told.exitCode, "%s%s", told.stdout, told.stderr)
			assert.Contains(t, told.stdout, "Update succeeded. Deleting ")

			left := s.kubectl("get", "rc", "-o", "jsonpath={range .items[*]}{.metadata.name} {.status.availableReplicas} {.spec.template.spec.containers[0].image}{end}").stdout
			assert.Equal(t, c.left+" 2 tomcat:8", left)
			assert.NotContains(t, s.kubectl("get", "rc,pods", "-o", "yaml").stdout, api.Prefix)
			s.rollsOn(c.left)
		})
	}
}

// rollsOn has rcroll take over what the old command left.
func (s *scenario) rollsOn(name string) {
	s.Helper()
	s.kubectl("set", "image", "rc/"+name, "tomcat=tomcat:9")
	s.kubectl("wait", "rc/"+name, "--timeout=3m", "--for=jsonpath={.spec.template.spec.containers[0].image}=tomcat:9")
	s.kubectl("wait", "rc/"+name, "--timeout=3m", "--for=jsonpath={.status.availableReplicas}=2")
}

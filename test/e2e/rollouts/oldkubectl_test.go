package rollouts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// Who still has a kubectl that knows rolling-update can go on using it: rcroll lets
// its new ReplicationControllers, its labels, and at last the deletion pass. And who
// does so can use rcroll afterwards.
func TestOldRollingUpdate(t *testing.T) {
	t.Parallel()
	version := func(version string) manifest.Edit {
		labels := map[string]string{"app": "tomcat", "version": version}
		return func(rc manifest.RC) { manifest.Selecting(labels)(rc); manifest.PodLabelled(labels)(rc) }
	}
	manifest8 := manifest.Tomcat(t, manifest.Replicas(2), manifest.Image("tomcat:8"), manifest.Named("tomcat-8"), version("8"))
	for name, c := range map[string]struct {
		stdin, left string
		args        []string
	}{
		"to an image":   {left: "tomcat", args: []string{"tomcat", "--image=tomcat:8"}},
		"to a manifest": {left: "tomcat", args: []string{"tomcat", "--filename=-"}, stdin: manifest8.YAML(t)},
		"to a new name": {left: "tomcat-8", args: []string{"tomcat", "tomcat-8", "--image=tomcat:8"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, manifest.Tomcat(t, manifest.Replicas(2), version("7")))
			out := s.Execute("oldkubectl", c.stdin, append([]string{"rolling-update", "--update-period=1s"}, c.args...)...)
			require.Zero(t, out.ExitCode, "%s%s", out.Stdout, out.Stderr)
			assert.Contains(t, out.Stdout, "Update succeeded. Deleting ")

			// Who is deleted is gone when the garbage collector has orphaned its pods.
			s.Await("one is left", func(observe.Moment) bool {
				return len(strings.Fields(s.Kubectl("get", "rc", "-o", "name").Stdout)) == 1
			})
			left := s.Kubectl("get", "rc", "-o", "jsonpath={range .items[*]}{.metadata.name} {.status.availableReplicas} {.spec.template.spec.containers[0].image}{end}").Stdout
			assert.Equal(t, c.left+" 2 tomcat:8", left)
			assert.NotContains(t, s.Kubectl("get", "rc,pods", "-o", "yaml").Stdout, api.Prefix)
			s.rollsOn(c.left)
		})
	}
}

// rollsOn has rcroll take over what the old command left.
func (s *scenario) rollsOn(name string) {
	s.Helper()
	s.Kubectl("set", "image", "rc/"+name, "tomcat=tomcat:9")
	s.Kubectl("wait", "rc/"+name, "--timeout=3m", "--for=jsonpath={.spec.template.spec.containers[0].image}=tomcat:9")
	s.Kubectl("wait", "rc/"+name, "--timeout=3m", "--for=jsonpath={.status.availableReplicas}=2")
}

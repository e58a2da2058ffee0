package rollouts

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// The scenario that the project was founded for: five pods go from tomcat:7 to tomcat:8.
func TestTomcatFrom7To8(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	before := s.Now().RC

	out := s.SetImage("tomcat=tomcat:8")
	assert.Contains(t, out.Stdout, "replicationcontroller/tomcat image updated")
	assert.Contains(t, out.Stderr, "Warning: rc/tomcat: rolling update to tomcat:8 requested")

	after := s.AwaitRollout("tomcat:8", 5).RC
	s.Expect(harness.SurgeOne(5))
	s.expectNeverScaledUp()
	hash := after.Spec.Selector[api.DefaultHashLabelKey]
	assert.Equal(t, map[string]string{"app": "tomcat", api.DefaultHashLabelKey: hash}, after.Spec.Selector)
	assert.Equal(t, before.UID, after.UID)
	assert.Equal(t, before.CreationTimestamp, after.CreationTimestamp)
	assert.Equal(t, before.Labels, after.Labels)
	assert.Equal(t, len(before.Annotations), len(after.Annotations), "%v", after.Annotations)
	s.expectTable(hash)
	s.expectOldCommandsWords(hash)
	s.expectStory(rollout.ReasonCreated, rollout.ReasonScaling, rollout.ReasonPromoting, rollout.ReasonDeleted, rollout.ReasonSucceeded)
}

// expectTable checks what kubectl get shows in the end.
func (s *scenario) expectTable(hash string) {
	lines := strings.Split(strings.TrimSpace(s.Kubectl("get", "rc", "-o", "wide").Stdout), "\n")
	require.Len(s, lines, 2)
	assert.Equal(s, []string{"NAME", "DESIRED", "CURRENT", "READY", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"}, strings.Fields(lines[0]))
	row := strings.Fields(lines[1])
	assert.Equal(s, []string{"tomcat", "5", "5", "5"}, row[:4])
	assert.Equal(s, []string{"tomcat", "tomcat:8", "app=tomcat,deployment=" + hash}, row[5:])
}

// expectOldCommandsWords finds the lines of the old kubectl rolling-update among the
// events, in its order.
func (s *scenario) expectOldCommandsWords(hash string) {
	newRC := api.NewRCName(s.RCName, hash)
	want := []string{
		"Created " + newRC,
		fmt.Sprintf("Scaling up %s from 0 to 5, scaling down tomcat from 5 to 0 (keep 5 pods available, don't exceed 6 pods)", newRC),
	}
	for i := 1; i <= 5; i++ {
		want = append(want, fmt.Sprintf("Scaling %s up to %d", newRC, i), fmt.Sprintf("Scaling tomcat down to %d", 5-i))
	}
	last := s.Await("the old command's last words are recorded", func(m observe.Moment) bool {
		return slices.Contains(m.Messages(), want[len(want)-1])
	})
	var found []string
	for _, message := range last.Messages() {
		if len(found) < len(want) && message == want[len(found)] {
			found = append(found, message)
		}
	}
	assert.Equal(s, want, found, "all events: %s", strings.Join(last.Messages(), "\n"))
}

// No rollout stands in the way of a later one, back to a former image included.
func TestRolloutAfterRollout(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	for _, image := range []string{"tomcat:8", "tomcat:9", "tomcat:7"} {
		s.Begin()
		s.SetImage("tomcat=" + image)
		s.AwaitRollout(image, 5)
		s.Expect(harness.SurgeOne(5))
	}
}

// Whatever client makes the edit, it is rolled out.
func TestClients(t *testing.T) {
	t.Parallel()
	const strategicPatch = `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}}`
	const jsonPatch = `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"tomcat:8"}]`
	const mergePatch = `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8","ports":[{"containerPort":8080}]}]}}}}`
	clients := map[string]func(*scenario){
		"apply": func(s *scenario) { s.Apply(manifest.Tomcat(t, manifest.Image("tomcat:8"))) },
		"replace": func(s *scenario) {
			s.KubectlWithInput(manifest.Tomcat(t, manifest.Image("tomcat:8")).YAML(t), "replace", "-f", "-")
		},
		"edit":            func(s *scenario) { s.Kubectl("edit", "rc/tomcat") },
		"strategic patch": func(s *scenario) { s.Kubectl("patch", "rc/tomcat", "-p", strategicPatch) },
		"merge patch":     func(s *scenario) { s.Kubectl("patch", "rc/tomcat", "--type=merge", "-p", mergePatch) },
		"json patch":      func(s *scenario) { s.Kubectl("patch", "rc/tomcat", "--type=json", "-p", jsonPatch) },
	}
	for name, edit := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, manifest.Tomcat(t))
			edit(s)
			s.AwaitRollout("tomcat:8", 5)
			s.Expect(harness.SurgeOne(5))
			s.expectNeverScaledUp()
		})
	}
}

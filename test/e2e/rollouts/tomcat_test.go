package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/observe"
)

// The scenario that the project starts from: five pods go from tomcat:7 to tomcat:8.
func TestSeed(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	before := s.Now().RC

	told := s.setImage("tomcat=tomcat:8")
	assert.Contains(t, told.stdout, "replicationcontroller/tomcat image updated")
	assert.Contains(t, told.stderr, "Warning: rc/tomcat: rolling update to tomcat:8 requested")

	after := s.rolledOut("tomcat:8", 5).RC
	s.keeps(surge1(5))
	s.neverScaledUp()
	hash := after.Spec.Selector[api.DefaultHashLabelKey]
	assert.Equal(t, map[string]string{"app": "tomcat", api.DefaultHashLabelKey: hash}, after.Spec.Selector)
	assert.Equal(t, before.UID, after.UID)
	assert.Equal(t, before.CreationTimestamp, after.CreationTimestamp)
	assert.Equal(t, before.Labels, after.Labels)
	assert.Equal(t, len(before.Annotations), len(after.Annotations), "%v", after.Annotations)
	s.showsTheSeedsLastTable(hash)
	s.speaksLikeTheOldCommand(hash)
}

func (s *scenario) showsTheSeedsLastTable(hash string) {
	lines := strings.Split(strings.TrimSpace(s.kubectl("get", "rc", "-o", "wide").stdout), "\n")
	require.Len(s, lines, 2)
	assert.Equal(s, []string{"NAME", "DESIRED", "CURRENT", "READY", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"}, strings.Fields(lines[0]))
	row := strings.Fields(lines[1])
	assert.Equal(s, []string{"tomcat", "5", "5", "5"}, row[:4])
	assert.Equal(s, []string{"tomcat", "tomcat:8", "app=tomcat,deployment=" + hash}, row[5:])
}

// speaksLikeTheOldCommand finds its lines among the events, in its order.
func (s *scenario) speaksLikeTheOldCommand(hash string) {
	next := api.NewRCName(s.name, hash)
	want := []string{
		"Created " + next,
		fmt.Sprintf("Scaling up %s from 0 to 5, scaling down tomcat from 5 to 0 (keep 5 pods available, don't exceed 6 pods)", next),
	}
	for i := 1; i <= 5; i++ {
		want = append(want, fmt.Sprintf("Scaling %s up to %d", next, i), fmt.Sprintf("Scaling tomcat down to %d", 5-i))
	}
	told := s.await("the old command's last words are told", func(m observe.Moment) bool { return m.Told(want[len(want)-1]) })
	var found []string
	for _, message := range messages(told) {
		if len(found) < len(want) && message == want[len(found)] {
			found = append(found, message)
		}
	}
	assert.Equal(s, want, found, "all events: %s", strings.Join(messages(told), "\n"))
}

// No rollout stands in the way of a later one, back to a former image included.
func TestRolloutAfterRollout(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	for _, image := range []string{"tomcat:8", "tomcat:9", "tomcat:7"} {
		s.Begin()
		s.setImage("tomcat=" + image)
		s.rolledOut(image, 5)
		s.keeps(surge1(5))
	}
}

// Whatever client makes the edit, it is rolled out.
func TestClients(t *testing.T) {
	t.Parallel()
	const strategicPatch = `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}}`
	const jsonPatch = `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"tomcat:8"}]`
	const mergePatch = `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8","ports":[{"containerPort":8080}]}]}}}}`
	clients := map[string]func(*scenario){
		"apply":           func(s *scenario) { s.apply(tomcat(t, image("tomcat:8"))) },
		"replace":         func(s *scenario) { s.feed(tomcat(t, image("tomcat:8")).yaml(t), "replace", "-f", "-") },
		"edit":            func(s *scenario) { s.kubectl("edit", "rc/tomcat") },
		"strategic patch": func(s *scenario) { s.kubectl("patch", "rc/tomcat", "-p", strategicPatch) },
		"merge patch":     func(s *scenario) { s.kubectl("patch", "rc/tomcat", "--type=merge", "-p", mergePatch) },
		"json patch":      func(s *scenario) { s.kubectl("patch", "rc/tomcat", "--type=json", "-p", jsonPatch) },
	}
	for name, edit := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := given(t, tomcat(t))
			edit(s)
			s.rolledOut("tomcat:8", 5)
			s.keeps(surge1(5))
			s.neverScaledUp()
		})
	}
}

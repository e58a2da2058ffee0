package sim

import (
	"flag"
	"testing"

	"github.com/rcroll/rcroll/pkg/api"
)

var allFlag = flag.Bool("sim.all", false, "search with every edit, with and without a crash of the agent besides; takes many minutes")

// edits are what a user may do in the middle of a promotion, each at every moment.
// The first of each kind is searched always, the others on demand.
var edits = []struct {
	action
	onDemand bool
}{
	{action{kind: setImage, image: "tomcat:9"}, false},
	{action{kind: cancelRequest}, false},
	{action{kind: scaleSubresource, replicas: 1}, false},
	{action{kind: deleteBackground}, false},
	{action{kind: setImage, image: "tomcat:7"}, true},
	{action{kind: applyAll, image: "tomcat:7", replicas: 2}, true},
	{action{kind: replaceAll, image: "tomcat:9", replicas: 1}, true},
	{action{kind: scaleSubresource, replicas: 3}, true},
	{action{kind: editReplicas, replicas: 0}, true},
	{action{kind: annotate, key: api.PausedAnnotation, value: api.True}, true},
}

// TestPromotion visits every interleaving of a promotion of two pods: as it is, with a
// crash of the agent before or after each of its writes, and with each edit.
func TestPromotion(t *testing.T) {
	t.Run("nothing else", func(t *testing.T) { explore(t, action{}, false) })
	t.Run("crash", func(t *testing.T) { explore(t, action{}, true) })
	for _, edit := range edits {
		if edit.onDemand && !*allFlag {
			continue
		}
		t.Run(edit.String(), func(t *testing.T) { explore(t, edit.action, false) })
		if *allFlag {
			t.Run(edit.String()+" and crash", func(t *testing.T) { explore(t, edit.action, true) })
		}
	}
}

func explore(t *testing.T, edit action, crash bool) {
	if testing.Short() && (crash || edit.kind != "") {
		t.Skip("takes long")
	}
	t.Parallel()
	result := Explore(edit, crash)
	t.Logf("%d states, %d steps between them, %d ends", result.States, result.Steps, result.Ends)
	if result.Failure != "" {
		t.Errorf("edit %s: %s\n%s", edit, result.Failure, result.Story)
	}
}

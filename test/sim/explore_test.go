package sim

import (
	"flag"
	"testing"

	"github.com/rcroll/rcroll/pkg/api"
)

var allFlag = flag.Bool("sim.all", false, "search with every edit and a crash of the agent besides; takes many minutes")

// edits are what a user may do in the middle of a promotion, each at every moment.
var edits = []action{
	{kind: setImage, image: "tomcat:9"},
	{kind: setImage, image: "tomcat:7"},
	{kind: applyAll, image: "tomcat:7", replicas: 2},
	{kind: replaceAll, image: "tomcat:9", replicas: 1},
	{kind: cancelRequest},
	{kind: scaleSubresource, replicas: 3},
	{kind: scaleSubresource, replicas: 1},
	{kind: editReplicas, replicas: 0},
	{kind: annotate, key: api.PausedAnnotation, value: api.True},
	{kind: deleteBackground},
}

// TestPromotion visits every interleaving of a promotion of two pods: as it is, with a
// crash of the agent before or after each of its writes, and with each edit.
func TestPromotion(t *testing.T) {
	t.Run("nothing else", func(t *testing.T) { explore(t, action{}, false) })
	t.Run("crash", func(t *testing.T) { explore(t, action{}, true) })
	for _, edit := range edits {
		t.Run(edit.String(), func(t *testing.T) { explore(t, edit, false) })
		if *allFlag {
			t.Run(edit.String()+" and crash", func(t *testing.T) { explore(t, edit, true) })
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

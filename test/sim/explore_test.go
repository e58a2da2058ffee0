package sim

import (
	"flag"
	"testing"

	"github.com/rcroll/rcroll/pkg/api"
)

var crashesFlag = flag.Bool("sim.crashes", false, "search with both a user's edit and a crash of the agent; takes minutes")

// edits are what a user may do in the middle of a promotion, each at every moment.
var edits = []action{
	{},
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

// TestPromotion visits every interleaving of a promotion of two pods: with each edit,
// and without one but with a crash of the agent before or after each of its writes.
func TestPromotion(t *testing.T) {
	for _, edit := range edits {
		name := edit.String()
		if edit.kind == "" {
			t.Run("crash", func(t *testing.T) { explore(t, edit, true) })
			name = "nothing else"
		}
		t.Run(name, func(t *testing.T) { explore(t, edit, *crashesFlag) })
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

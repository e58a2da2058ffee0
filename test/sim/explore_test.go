package sim

import (
	"testing"

	"github.com/rcroll/rcroll/pkg/api"
)

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

// TestPromotion visits every interleaving of a promotion of two pods.
func TestPromotion(t *testing.T) {
	for _, edit := range edits {
		name := edit.String()
		if name == "" {
			name = "none"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := Explore(edit, !testing.Short())
			t.Logf("%d states, %d steps between them, %d ends", result.States, result.Steps, result.Ends)
			if result.Failure != "" {
				t.Errorf("edit %s: %s\n%s", name, result.Failure, result.Story)
			}
		})
	}
}

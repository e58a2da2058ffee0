package mutate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// TestOutdated: nothing of the write is left, and something is there to store.
func TestOutdated(t *testing.T) {
	old := rolling()
	old.SetResourceVersion("41")
	written := edit(old, image("tomcat:9"), label("team", "a"), annotate("note", "x"))
	decision := mutate.Outdated(mutate.Write{Old: old, New: written, User: user})
	assert.Equal(t, old.Object["spec"], decision.Object.Object["spec"])
	assert.Equal(t, old.GetLabels(), decision.Object.GetLabels())
	assert.Equal(t, "41", decision.Object.GetResourceVersion(), "what its author stated stays, and is a conflict then as ever")
	annotations := decision.Object.GetAnnotations()
	assert.NotEqual(t, old.GetAnnotations(), annotations)
	assert.NotContains(t, annotations, "note")
	assert.False(t, api.IsHash(annotations[api.LiveAnnotation]))
}

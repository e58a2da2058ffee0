package rollout_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/rollout"
)

// TestToldOnce: kube-controller-manager, which writes the status as a whole, may put older
// conditions back. They are written again, and what they tell is no news.
func TestToldOnce(t *testing.T) {
	s := snapshot(4, 1, func(s *rollout.Snapshot) { s.Strategy.Paused = true })
	first := decide(s)
	require.Len(t, first.Actions, 1)
	require.Len(t, first.Actions[0].Events, 1)

	s.Memory.Told = first.Actions[0].Conditions.Told
	again := decide(s)
	require.Len(t, again.Actions, 1, "the conditions are not there any more")
	assert.Equal(t, first.Actions[0].Conditions, again.Actions[0].Conditions)
	assert.Empty(t, again.Actions[0].Events)

	s.Memory.Told = "something else"
	assert.Len(t, decide(s).Actions[0].Events, 1, "paused once more")
	assert.Equal(t, corev1.EventTypeNormal, first.Actions[0].Events[0].Type)
}

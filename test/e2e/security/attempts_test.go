package security

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// actor is who tries something, and what that one may do.
type actor string

const (
	// All of these may read ReplicationControllers and pods.
	statusWriter actor = "a user who may write the status only"
	scaler       actor = "a user who may write the scale only"
	editor       actor = "an editor of the namespace"
	neighbour    actor = "an editor of another namespace"
	network      actor = "the pod network"
	agentThief   actor = "the agent's token"
	webhookThief actor = "the webhook's token"
)

// outcome is what must come of an attempt.
type outcome string

const (
	// refused: an error that is the client's fault, and nothing changed.
	refused outcome = "refused"

	// noEffect: whatever is answered, nothing changed.
	noEffect outcome = "without effect"
)

// attempt is a line of the table. Its kind is what an attacker reached once, S1 to S18 in
// docs/security.md; most are variations of those.
type attempt struct {
	kind    string
	actor   actor
	what    string
	outcome outcome
	try     func(*stage) error
}

// attempts is the table.
func attempts() []attempt {
	all := slices.Concat(keyAttempts(), statusAttempts(), scaleAttempts(), editorAttempts(), neighbourAttempts(),
		networkAttempts(), agentAttempts(), webhookAttempts())
	slices.SortStableFunc(all, func(a, b attempt) int {
		return cmp.Or(cmp.Compare(a.actor, b.actor), cmp.Compare(len(a.kind), len(b.kind)), cmp.Compare(a.kind, b.kind), cmp.Compare(a.what, b.what))
	})
	return all
}

// TestAttempts tries them all. Those of an actor come one after the other, on the
// same stage.
func TestAttempts(t *testing.T) {
	byActor := map[actor][]attempt{}
	for _, a := range attempts() {
		byActor[a.actor] = append(byActor[a.actor], a)
	}
	for actor, attempts := range byActor {
		t.Run(string(actor), func(t *testing.T) {
			t.Parallel()
			stage := newStage(t, actor)
			begin := stage.world()
			for _, a := range attempts {
				t.Run(a.what, func(t *testing.T) { a.expect(t, stage.in(t)) })
			}
			// Nor did anything come of it later.
			stage.settle()
			assert.Equal(t, begin, stage.world())
			stage.finish()
		})
	}
}

func (a attempt) expect(t *testing.T, s *stage) {
	before := s.world()
	err := a.try(s)
	assert.Equal(t, before, s.world())
	if a.outcome == refused {
		require.Error(t, err)
		status, ok := err.(apierrors.APIStatus)
		require.True(t, ok, "%v", err)
		assert.GreaterOrEqual(t, status.Status().Code, int32(400), "%v", err)
		assert.Less(t, status.Status().Code, int32(500), "%v", err)
	}
}

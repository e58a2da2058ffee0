package agent

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/rollout"
)

// TestHeldUpSince: the clock starts with the first pass that fails or waits, and anew
// after one that did neither.
func TestHeldUpSince(t *testing.T) {
	now := time.Unix(1000, 0)
	heldUp := rollout.Decision{HeldUp: &rollout.Problem{}}
	m := &memory{}
	m.decided(rollout.Decision{}, now)
	m.passed(errors.New("refused"), now)
	assert.Equal(t, rollout.Memory{StepError: "refused", HeldUpSince: now}, m.rollout)

	m.decided(heldUp, now.Add(time.Second))
	m.passed(nil, now.Add(time.Second))
	assert.Equal(t, rollout.Memory{HeldUpSince: now}, m.rollout, "it waits instead")

	m.decided(rollout.Decision{}, now.Add(2*time.Second))
	assert.Zero(t, m.rollout)
	m.decided(heldUp, now.Add(3*time.Second))
	assert.Equal(t, now.Add(3*time.Second), m.rollout.HeldUpSince)
}

func TestStallsAreCounted(t *testing.T) {
	condition := func(kind corev1.ReplicationControllerConditionType, reason string) corev1.ReplicationControllerCondition {
		return corev1.ReplicationControllerCondition{Type: kind, Reason: reason}
	}
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(stalls))
	count := func() float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Len(t, families, 1)
		require.Len(t, families[0].Metric, 1)
		return families[0].Metric[0].Counter.GetValue()
	}
	stalls.WithLabelValues(rollout.ReasonDeadlineExceeded)
	before := count()
	countStall(rollout.ConditionChange{Set: []corev1.ReplicationControllerCondition{
		condition(rollout.Progressing, rollout.ReasonDeadlineExceeded), condition(rollout.Stalled, "anything")}})
	assert.Equal(t, before+1, count())
	countStall(rollout.ConditionChange{Set: []corev1.ReplicationControllerCondition{
		condition(rollout.Progressing, rollout.ReasonUpdated), condition(rollout.Reconciling, rollout.ReasonUpdated)}})
	assert.Equal(t, before+1, count())
}

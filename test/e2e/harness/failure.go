package harness

import (
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/observe"
)

// AwaitFailure waits until the rollout is stalled for that reason, and checks what is
// said of it, which must have all those words in it.
func (s *Scenario) AwaitFailure(reason string, says ...string) observe.Moment {
	s.Helper()
	failed := s.Await("the rollout is stalled by "+reason, func(m observe.Moment) bool {
		stalled := Condition(m.RC, rollout.Stalled)
		return stalled != nil && stalled.Reason == reason
	})
	progressing, stalled := Condition(failed.RC, rollout.Progressing), Condition(failed.RC, rollout.Stalled)
	require.NotNil(s, progressing)
	assert.Equal(s, corev1.ConditionFalse, progressing.Status)
	assert.Equal(s, rollout.ReasonDeadlineExceeded, progressing.Reason)
	assert.Equal(s, corev1.ConditionTrue, stalled.Status)
	assert.Equal(s, stalled.Message, progressing.Message)
	assert.Nil(s, Condition(failed.RC, rollout.Reconciling), "kstatus takes the first of both")
	for _, words := range says {
		assert.Contains(s, progressing.Message, words)
	}
	s.AwaitEvent(progressing.Message)
	return failed
}

// AwaitFailedRollback waits for the end of the rollback of a rollout that failed, to n
// pods of an image, and checks that the cause stays to be read.
func (s *Scenario) AwaitFailedRollback(image string, n int, cause string) {
	s.Helper()
	s.AwaitFailure(rollout.ReasonRollingBack, cause)
	end := s.Await("the old pods serve again and nothing else is left", Serves(image, n))
	progressing := Condition(end.RC, rollout.Progressing)
	require.NotNil(s, progressing)
	assert.Equal(s, corev1.ConditionFalse, progressing.Status)
	assert.Equal(s, rollout.ReasonRolledBack, progressing.Reason)
	assert.Contains(s, progressing.Message, "tomcat was rolled back")
	assert.Contains(s, progressing.Message, cause)
	assert.Nil(s, Condition(end.RC, rollout.Stalled))
	assert.Nil(s, Condition(end.RC, rollout.Reconciling))
}

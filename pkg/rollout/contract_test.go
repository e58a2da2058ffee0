package rollout_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/policy"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// TestContract pins what leaves the process. Alerts, kubectl wait, GitOps health checks
// and scripts match these words, and an agent reads conditions that an agent of another
// version wrote: to change one is to break them all, and belongs into the CHANGELOG as
// a breaking change, with the old word still read for one version where decisions
// depend on it (conditions: all but the event-only reasons at the end).
func TestContract(t *testing.T) {
	assert.EqualValues(t, "Progressing", rollout.Progressing)
	assert.EqualValues(t, "Reconciling", rollout.Reconciling)
	assert.EqualValues(t, "Stalled", rollout.Stalled)
	for want, got := range map[string]string{
		"ReplicationControllerUpdated":      rollout.ReasonUpdated,
		"RollingBack":                       rollout.ReasonRollingBack,
		"NewReplicationControllerAvailable": rollout.ReasonComplete,
		"ProgressDeadlineExceeded":          rollout.ReasonDeadlineExceeded,
		"RollbackDeadlineExceeded":          rollout.ReasonRollbackDeadlineExceeded,
		"RolledBack":                        rollout.ReasonRolledBack,
		"FailedCreate":                      rollout.ReasonFailedCreate,
		"NotReady":                          rollout.ReasonNotReady,
		"ReplicationControllerPaused":       rollout.ReasonPaused,
		"PausedAtStep":                      rollout.ReasonPausedAtStep,
		"Frozen":                            string(policy.Frozen),
		"OutsideWindow":                     string(policy.OutsideWindow),
		"Queued":                            string(policy.Queued),
		"InvalidSettings":                   rollout.ReasonInvalidSettings,
		"InvalidRequest":                    rollout.ReasonInvalidRequest,
		"NameConflict":                      rollout.ReasonNameConflict,
		"StepFailed":                        rollout.ReasonStepFailed,
		"Waiting":                           rollout.ReasonWaiting,

		"TemplateDiffers":              rollout.ReasonTemplateDiffers,
		"Created":                      rollout.ReasonCreated,
		"ScalingReplicationController": rollout.ReasonScaling,
		"Deleted":                      rollout.ReasonDeleted,
		"Promoting":                    rollout.ReasonPromoting,
		"HistoryIncomplete":            rollout.ReasonHistoryIncomplete,
		"PolicyOverridden":             rollout.ReasonPolicyOverridden,
		"StepApproved":                 rollout.ReasonStepApproved,
		"UpdateSucceeded":              rollout.ReasonSucceeded,
	} {
		assert.Equal(t, want, got)
	}
}

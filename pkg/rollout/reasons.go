package rollout

// Reasons of events and of conditions. Those of the Progressing condition are the
// Deployment controller's, with the name of the kind replaced.
const (
	// ReasonUpdated: pods are being replaced.
	ReasonUpdated = "ReplicationControllerUpdated"

	// ReasonRollingBack: the rollout was cancelled, and what it did is undone.
	ReasonRollingBack = "RollingBack"

	// ReasonComplete: all pods are of the requested template and available.
	ReasonComplete = "NewReplicationControllerAvailable"

	// ReasonTemplateDiffers: the template was stored otherwise than it was requested.
	ReasonTemplateDiffers = "TemplateDiffers"

	// ReasonDeadlineExceeded: a rollout did not progress for too long.
	ReasonDeadlineExceeded = "ProgressDeadlineExceeded"

	// ReasonRollbackDeadlineExceeded: a rollback did not progress for too long.
	ReasonRollbackDeadlineExceeded = "RollbackDeadlineExceeded"

	// ReasonRolledBack: the rollout failed, and what it did was undone.
	ReasonRolledBack = "RolledBack"

	// ReasonFailedCreate: pods cannot be created.
	ReasonFailedCreate = "FailedCreate"

	// ReasonNotReady: pods run and do not become ready, of which no cause is known.
	ReasonNotReady = "NotReady"

	// ReasonPaused: the rollout stays where it is because the user says so.
	ReasonPaused = "ReplicationControllerPaused"

	// ReasonPausedAtStep: the rollout is at a step that is a pause.
	ReasonPausedAtStep = "PausedAtStep"

	// ReasonFrozen: a policy allows no step.
	ReasonFrozen = "Frozen"

	// ReasonOutsideWindow: a policy allows no step at this time.
	ReasonOutsideWindow = "OutsideWindow"

	// ReasonQueued: a policy allows so many rollouts at once.
	ReasonQueued = "Queued"

	// ReasonInvalidSettings: an annotation that says how to roll does not parse.
	ReasonInvalidSettings = "InvalidSettings"

	// ReasonInvalidRequest: the recorded request does not parse.
	ReasonInvalidRequest = "InvalidRequest"

	// ReasonNameConflict: an object that the RC does not control has the name of the new ReplicationController.
	ReasonNameConflict = "NameConflict"

	// ReasonStepFailed: a step could not be written. It is tried again.
	ReasonStepFailed = "StepFailed"

	// ReasonWaiting: something that should come to pass by itself does not.
	ReasonWaiting = "Waiting"

	// ReasonHistoryIncomplete: a revision could not be recorded. The rollout goes on.
	ReasonHistoryIncomplete = "HistoryIncomplete"

	// ReasonPolicyOverridden: somebody with the right to has overridden policies.
	ReasonPolicyOverridden = "PolicyOverridden"

	// ReasonStepApproved: somebody, or the end of its time, has approved the pause of a step.
	ReasonStepApproved = "StepApproved"

	ReasonCreated   = "Created"
	ReasonScaling   = "ScalingReplicationController"
	ReasonDeleted   = "Deleted"
	ReasonPromoting = "Promoting"
	ReasonSucceeded = "UpdateSucceeded"
)

// Package api is the vocabulary that the webhook and the agent share: the
// labels and annotations on ReplicationControllers, the requested spec, the
// agent's command and the rollout strategy. Everything here is a plain value;
// the package does no I/O.
package api

// DefaultHashLabelKey is the label that tells the pods of one template from
// those of another, as it was the default of kubectl rolling-update's
// --deployment-label-key.
const DefaultHashLabelKey = "deployment"

// Prefix starts every label and annotation that belongs to rcroll.
const Prefix = "rcroll.dev/"

// Written by rcroll only, on the user's ReplicationController. They come and
// go with a rollout; nothing of them is left when it is over.
const (
	// RequestAnnotation holds the ReplicationControllerSpec that the user asked
	// for, as JSON and without rcroll's own labels. Its presence means that a
	// rollout is pending.
	RequestAnnotation = Prefix + "request"

	// PromotedAnnotation holds the hash of the request whose template is live, while
	// that request is pending: of one that was promoted, or that cancels. The template
	// may be stored otherwise than it was requested, by what else changes objects on
	// their way, and a request must not be rolled out a second time for that.
	PromotedAnnotation = Prefix + "promoted"

	// LiveAnnotation holds the hash of the live template while a request is pending: an
	// export with another template was edited.
	LiveAnnotation = Prefix + "live"

	// PromotingSinceAnnotation says when the promotion began (RFC 3339, UTC); until the
	// end of the rollout.
	PromotingSinceAnnotation = Prefix + "promoting-since"

	// RequestedByAnnotation and RequestedAtAnnotation say which user asked for the requested
	// template, and when (RFC 3339, UTC). Whoever changes the replicas alone changes neither.
	RequestedByAnnotation = Prefix + "requested-by"
	RequestedAtAnnotation = Prefix + "requested-at"

	// ApprovedByAnnotation and ApprovedAtAnnotation say who set ApproveAnnotation, and when
	// (RFC 3339, UTC).
	ApprovedByAnnotation = Prefix + "approved-by"
	ApprovedAtAnnotation = Prefix + "approved-at"
	// ChangeCauseAnnotation holds the value of kubernetes.io/change-cause if that was set
	// or changed with the request, or since. It goes to the history.
	ChangeCauseAnnotation = Prefix + "change-cause"

	// OverriddenAnnotation says which policies do not hold the rollout, who said so, and
	// until when (Overridden).
	OverriddenAnnotation = Prefix + "overridden"

	// CommandAnnotation carries the agent's next step to the webhook, which carries
	// it out and removes the annotation in the same write. One that is seen in a
	// stored object means that the webhook did not run.
	CommandAnnotation = Prefix + "command"

	// RollingLabel is "true" on a ReplicationController with a pending request,
	// and on the owned ReplicationControllers. It is what the agent's informer
	// and the webhook's matchConditions select.
	RollingLabel = Prefix + "rolling"

	// OwnerVersionAnnotation, on a new ReplicationController as the agent sends it, is the
	// resource version of its owner from which the agent read the request. The webhook
	// compares it with the owner as it is, and removes it.
	OwnerVersionAnnotation = Prefix + "owner-version"

	// SealedLabel, in selector and template, is a label that no pod has: while it
	// is there the ReplicationController can neither adopt nor delete a pod. Its
	// value is the hash of the template that is being promoted. A new
	// ReplicationController has it until it is first scaled.
	SealedLabel = Prefix + "sealed"

	// AdoptingLabel, in the template only, marks pods that must not be created:
	// a ValidatingAdmissionPolicy refuses them. It is there while the
	// ReplicationController adopts the pods of the new one, so that a
	// kube-controller-manager with an outdated pod cache cannot create surplus pods. Its value is the hash of the template that is being promoted.
	AdoptingLabel = Prefix + "adopting"

	// SuccessorLabel, in the template of an owned ReplicationController only, is the
	// UID of the one that takes its pods over. While pods have it an admission policy
	// lets nothing else adopt them; another one takes it away when they are adopted.
	SuccessorLabel = Prefix + "successor"
)

// Written by the agent only, on the ControllerRevisions that are the history of a
// ReplicationController. RequestedByAnnotation and RequestedAtAnnotation are there, too.
const (
	// RevisionOfLabel is the UID of the ReplicationController, whose name may be longer
	// than a label. A policy lets nobody else write objects that have it.
	RevisionOfLabel = Prefix + "revision-of"

	// TemplateHashAnnotation is the hash of the template in the revision.
	TemplateHashAnnotation = Prefix + "template-hash"

	// ResultAnnotation says how the last rollout to that template ended, DurationAnnotation
	// how long it took. A template that was live before any rollout has neither.
	ResultAnnotation   = Prefix + "result"
	DurationAnnotation = Prefix + "duration"
)

// Set by users on their ReplicationController.
const (
	// MaxSurgeAnnotation is the number (or percentage of the desired replicas,
	// rounded up) of pods that may exist above the desired ones. Default 1.
	MaxSurgeAnnotation = Prefix + "max-surge"

	// MaxUnavailableAnnotation is the number (or percentage of the desired
	// replicas, rounded down) of pods that may be unavailable. Default 0.
	MaxUnavailableAnnotation = Prefix + "max-unavailable"

	// UpdatePeriodAnnotation is the least time between two scale-ups of the new
	// ReplicationController, as a Go duration. Default 0.
	UpdatePeriodAnnotation = Prefix + "update-period"

	// ProgressDeadlineAnnotation is how long a rollout may make no progress before it
	// counts as failed, as a Go duration, more than 0. Default 10m, as a
	// Deployment's progressDeadlineSeconds.
	ProgressDeadlineAnnotation = Prefix + "progress-deadline"

	// OnFailureAnnotation says what becomes of a rollout that failed: "hold" or
	// "rollback". Default hold.
	OnFailureAnnotation = Prefix + "on-failure"

	// TriggerAnnotation says which change of the spec asks for a rollout: TriggerImage,
	// TriggerTemplate or TriggerNone. Default is the webhook's --trigger.
	TriggerAnnotation = Prefix + "trigger"

	// StepsAnnotation divides a rollout: sizes up to which the new ReplicationController
	// grows, and pauses (ParseSteps). Default is none.
	StepsAnnotation = Prefix + "steps"

	// PausedAnnotation, when "true", keeps a rollout where it is.
	PausedAnnotation = Prefix + "paused"

	// ApproveAnnotation lets a rollout go on from a pause: an Approval. It goes with the
	// request that it is for.
	ApproveAnnotation = Prefix + "approve"

	// OverrideAnnotation names RolloutPolicies, separated by commas, that are not to hold the
	// rollout for a while. Whoever sets it needs the right to override them.
	OverrideAnnotation = Prefix + "override"

	// EnabledKey, when "false", opts out: as an annotation a single
	// ReplicationController, as a label a whole namespace.
	EnabledKey = Prefix + "enabled"
)

// The values of TriggerAnnotation, and of the webhook's --trigger.
const (
	// TriggerImage: another image of a container or init container.
	TriggerImage = "image"

	// TriggerTemplate: any change of the pod template.
	TriggerTemplate = "template"

	// TriggerNone: no change. It is no value of --trigger.
	TriggerNone = "none"
)

// VerdictFieldManager marks the dry runs by which the webhook asks the API server what
// it would store. They are admitted as they are: anybody may send one, and nothing is
// ever stored by it.
const VerdictFieldManager = "rcroll-verdict"

// ProbeName is that of the ReplicationController that the webhook asks about at start-up, to find out
// whether it may ask in the name of users. There need not be one.
const ProbeName = "rcroll-probe"

// True is the value of boolean labels and annotations that are set.
const True = "true"

package rollout

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
)

// Decision is what is due now.
type Decision struct {
	// Actions are applied in order. One that fails ends the pass: what follows
	// was decided on the assumption that it succeeds.
	Actions []Action

	// Reason says in one sentence why these, or why none.
	Reason string

	// LookAgain, if not zero, is when a decision can differ without any event.
	LookAgain time.Duration

	// Poll tells that what is waited for causes no event, and has no known time.
	Poll bool
}

// ActionKind tells the writes apart.
type ActionKind string

const (
	// CreateNewRC creates the next ReplicationController.
	CreateNewRC ActionKind = "CreateNewRC"

	// ScaleOwned sets spec.replicas of a next ReplicationController.
	ScaleOwned ActionKind = "ScaleOwned"

	// DeleteOwned deletes a next ReplicationController that has no pods.
	DeleteOwned ActionKind = "DeleteOwned"

	// OrphanPods deletes a next ReplicationController and leaves its pods.
	OrphanPods ActionKind = "OrphanPods"

	// SendCommand hands Plan to the webhook.
	SendCommand ActionKind = "SendCommand"

	// SetConditions writes Conditions.
	SetConditions ActionKind = "SetConditions"
)

// Action is one write.
type Action struct {
	Kind ActionKind

	// Name and UID of the object written; UID is empty for CreateNewRC.
	Name string
	UID  types.UID

	// Replicas is read by ScaleOwned.
	Replicas int32

	// ScaleUp tells that the write starts an update period.
	ScaleUp bool

	// Plan is read by SendCommand.
	Command api.Command

	// Conditions is read by SetConditions.
	Conditions ConditionChange

	// Events are announced once the write has succeeded.
	Events []Event
}

// Event is told to the user, on the RC.
type Event struct {
	// Type is corev1.EventTypeNormal or corev1.EventTypeWarning.
	Type string

	// Reason is one of the Reason constants.
	Reason string

	Message string
}

func normal(reason, message string) Event {
	return Event{Type: corev1.EventTypeNormal, Reason: reason, Message: message}
}

func warning(reason, message string) Event {
	return Event{Type: corev1.EventTypeWarning, Reason: reason, Message: message}
}

func wait(reason string) Decision { return Decision{Reason: reason} }

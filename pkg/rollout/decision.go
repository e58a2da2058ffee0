package rollout

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
)

// Decision is either Actions (none, when there is nothing to do but wait) or a
// Question.
type Decision struct {
	// Phase is the case of the cascade that decided.
	Phase Phase

	// Question, if not empty, has to be answered in the Snapshot before anything
	// can be decided.
	Question Question

	// Actions are applied in order. One that fails ends the pass: what follows
	// was decided on the assumption that it succeeds.
	Actions []Action

	// Reason says in one sentence why these, or why none. It is for the log.
	Reason string

	// RequeueAfter, if not zero, is when a decision can differ without any event.
	RequeueAfter time.Duration

	// Poll is set if what is waited for causes no event, and has no known time.
	Poll bool

	// Awaits is the member whose pods keep the rollout waiting: no step is due, but
	// will be when they become available or go. It is inspected from time to time;
	// nil if nothing is awaited.
	Awaits *Member

	// HeldUp is what else keeps the rollout where it is, though it should come to pass by
	// itself, and soon; nil if nothing does.
	HeldUp *Problem
}

// Question names what a decision depends on and no cache holds.
type Question string

const (
	// CountPods asks for Snapshot.Pods.
	CountPods Question = "CountPods"

	// CheckName asks for Snapshot.Name.
	CheckName Question = "CheckName"

	// InspectPods asks for an Inspection of Decision.Awaits. It may be put off.
	InspectPods Question = "InspectPods"

	// InspectPodsNow asks the same, and must not be put off: the deadline has passed.
	InspectPodsNow Question = "InspectPodsNow"
)

// ActionKind tells the writes apart.
type ActionKind string

const (
	// CreateNewRC creates the new ReplicationController.
	CreateNewRC ActionKind = "CreateNewRC"

	// ScaleOwned sets spec.replicas of an owned ReplicationController.
	ScaleOwned ActionKind = "ScaleOwned"

	// DeleteOwned deletes an owned ReplicationController that has no pods.
	DeleteOwned ActionKind = "DeleteOwned"

	// OrphanPods deletes the new ReplicationController and leaves its pods.
	OrphanPods ActionKind = "OrphanPods"

	// AdoptPod makes the RC the controller of Pod.
	AdoptPod ActionKind = "AdoptPod"

	// SendCommand hands Command to the webhook.
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

	// ScaleUp is set if the write starts an update period.
	ScaleUp bool

	// Pod is read by AdoptPod.
	Pod *FinishedPod

	// Command is read by SendCommand.
	Command api.Command

	// Conditions is read by SetConditions.
	Conditions ConditionChange

	// Events are emitted once the write has succeeded.
	Events []Event

	// Result is set if the rollout has ended by this write, or its end is told by it.
	Result Result
}

// Result says how a rollout ended.
type Result string

const (
	// Succeeded: the requested template is live, and all pods are of it.
	Succeeded Result = "Succeeded"

	// Cancelled: the user went back to the live template.
	Cancelled Result = "Cancelled"

	// RolledBack: the rollout failed, and was rolled back for it.
	RolledBack Result = "RolledBack"
)

// Event is emitted on the RC.
type Event struct {
	// Type is corev1.EventTypeNormal or corev1.EventTypeWarning.
	Type string

	// Reason is one of the Reason constants, or that of a Problem.
	Reason string

	Message string
}

func normal(reason, message string) Event {
	return Event{Type: corev1.EventTypeNormal, Reason: reason, Message: message}
}

func warning(reason, message string) Event {
	return Event{Type: corev1.EventTypeWarning, Reason: reason, Message: message}
}

// stay is the decision to do nothing until somebody else does.
func stay(reason string) Decision { return Decision{Reason: reason} }

// wait is the decision to wait for what should come to pass by itself.
func wait(reason string) Decision {
	return Decision{Reason: reason, HeldUp: &Problem{Reason: ReasonWaiting, Summary: reason}}
}

// poll is wait where no event tells of it.
func poll(reason string) Decision {
	decision := wait(reason)
	decision.Poll = true
	return decision
}

func ask(question Question) Decision { return Decision{Question: question} }

// isWaiting reports whether nothing is due and no time is known at which something
// will be.
func (d Decision) isWaiting() bool { return len(d.Actions) == 0 && d.RequeueAfter == 0 }

// withoutConditions leaves the conditions as they are.
func (d Decision) withoutConditions() Decision {
	d.Actions = slices.DeleteFunc(slices.Clone(d.Actions), func(a Action) bool { return a.Kind == SetConditions })
	return d
}

// command is the decision to have the webhook carry out an operation for what is
// requested.
func (s Snapshot) command(operation api.Operation, replicas int32, reason string, events ...Event) Decision {
	return Decision{
		Actions: []Action{{
			Kind:    SendCommand,
			Name:    s.RC.Name,
			UID:     s.RC.UID,
			Command: api.Command{Operation: operation, Hash: s.Requested, Replicas: replicas},
			Events:  events,
		}},
		Reason: reason,
	}
}

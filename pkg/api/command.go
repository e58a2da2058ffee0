package api

import (
	"encoding/json"
	"fmt"
)

// Operation is a step that the agent asks the webhook to carry out on the spec
// of the user's ReplicationController.
type Operation string

const (
	// Scale sets the replicas to Command.Replicas.
	Scale Operation = "Scale"

	// Seal gives the ReplicationController the requested template, no replicas,
	// and a selector that matches no pod.
	Seal Operation = "Seal"

	// Adopt opens the sealed selector for the pods of the new
	// ReplicationController, of which there are Command.Replicas. The template
	// forbids to create pods until it is opened.
	Adopt Operation = "Adopt"

	// Open allows to create pods again, and sets the requested spec if that has the
	// template that was promoted.
	Open Operation = "Open"

	// Finish sets what the requested spec says besides the template, which is live,
	// and removes the request and the rolling label.
	Finish Operation = "Finish"

	// Cancel replaces the request by one for the live template, with the requested
	// replicas: a cancel, because the rollout failed.
	Cancel Operation = "Cancel"

	// Approve sets the approval of Command.Step: the time of a pause is over.
	Approve Operation = "Approve"
)

// Command is the value of the command annotation.
type Command struct {
	Operation Operation `json:"operation"`

	// Hash of the requested template on which the agent decided. A command for
	// another one is refused.
	Hash string `json:"hash"`

	// Replicas is read by Scale and Adopt, 0 or more.
	Replicas int32 `json:"replicas"`

	// Step is read by Approve, 1 or more.
	Step int `json:"step,omitempty"`
}

// ParseCommand reads the value of the command annotation. It is an error if that is no
// JSON, names no operation of those above, or has replicas below 0 or a step that cannot be.
func ParseCommand(text string) (Command, error) {
	var command Command
	if err := json.Unmarshal([]byte(text), &command); err != nil {
		return Command{}, fmt.Errorf("not a command: %w", err)
	}
	switch command.Operation {
	case Scale, Seal, Adopt, Open, Finish, Cancel, Approve:
	default:
		return Command{}, fmt.Errorf("not a command: unknown operation %q", command.Operation)
	}
	if command.Replicas < 0 {
		return Command{}, fmt.Errorf("not a command: %d replicas", command.Replicas)
	}
	if command.Step < 0 || command.Step > maxSteps || (command.Operation == Approve) != (command.Step > 0) {
		return Command{}, fmt.Errorf("not a command: step %d", command.Step)
	}
	return command, nil
}

// String is the value of the command annotation.
func (c Command) String() string { return canonical(c) }

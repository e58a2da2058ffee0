package api

import (
	"encoding/json"
	"fmt"
)

// Operation is a step that the agent asks the webhook to carry out on the spec
// of the user's ReplicationController.
type Operation string

const (
	// Scale sets the replicas to Plan.Replicas.
	Scale Operation = "scale"

	// Seal gives the ReplicationController the requested template, no replicas,
	// and a selector that matches no pod.
	Seal Operation = "seal"

	// Adopt opens the sealed selector for the pods of the next
	// ReplicationController, of which there are Plan.Replicas. The template
	// forbids to create pods until it is opened.
	Adopt Operation = "adopt"

	// Open allows to create pods again, and sets the requested spec if that has the
	// template that was promoted.
	Open Operation = "open"

	// Finish sets what the requested spec says besides the template, which is live,
	// and removes the request and the rolling label.
	Finish Operation = "finish"

	// GiveUp replaces the request by one for the live template, with the requested
	// replicas: a cancel, because the rollout failed.
	GiveUp Operation = "give up"
)

// Plan is the value of the plan annotation.
type Plan struct {
	Operation Operation `json:"operation"`

	// Hash of the requested template on which the agent decided. A plan for
	// another one is refused.
	Hash string `json:"hash"`

	// Replicas is read by Scale and Adopt, 0 or more.
	Replicas int32 `json:"replicas"`
}

// ParsePlan reads the value of the plan annotation.
func ParsePlan(text string) (Plan, error) {
	var plan Plan
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		return Plan{}, fmt.Errorf("not a plan: %w", err)
	}
	switch plan.Operation {
	case Scale, Seal, Adopt, Open, Finish, GiveUp:
	default:
		return Plan{}, fmt.Errorf("not a plan: unknown operation %q", plan.Operation)
	}
	if plan.Replicas < 0 {
		return Plan{}, fmt.Errorf("not a plan: %d replicas", plan.Replicas)
	}
	return plan, nil
}

// String is the value of the plan annotation.
func (p Plan) String() string { return canonical(p) }

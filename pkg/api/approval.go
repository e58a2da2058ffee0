package api

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Approval is the value of the approve annotation: the rollout of the template with the
// hash goes on past the step, and past every pause before it. The hash is in it so that
// it is worth nothing to a later rollout.
type Approval struct {
	Hash string
	Step int
}

// ParseApproval reads the value of the approve annotation, HASH/STEP.
func ParseApproval(text string) (Approval, error) {
	hash, number, _ := strings.Cut(text, "/")
	step, err := strconv.Atoi(number)
	if !IsHash(hash) || err != nil || step < 1 || step > maxSteps {
		return Approval{}, errors.New("must be HASH/STEP: the hash of the requested template, and the number of the step at which the rollout is paused; the conditions show both")
	}
	return Approval{Hash: hash, Step: step}, nil
}

// String is the value of the approve annotation.
func (a Approval) String() string { return fmt.Sprintf("%s/%d", a.Hash, a.Step) }

// Check returns an error unless the approval is for a pause of a rollout of the template
// with the hash.
func (a Approval) Check(hash string, steps []Step) error {
	switch {
	case a.Hash != hash:
		return fmt.Errorf("is for another rolling update: the one in progress is to the template %s", hash)
	case a.Step > len(steps) || !steps[a.Step-1].Pause:
		return fmt.Errorf("step %d is no pause: the steps are %q", a.Step, FormatSteps(steps))
	}
	return nil
}

// ApprovedStep is up to which step the annotations approve a rollout of the template with
// the hash; 0 if they approve none.
func ApprovedStep(annotations map[string]string, hash string) int {
	approval, err := ParseApproval(annotations[ApproveAnnotation])
	if err != nil || approval.Hash != hash {
		return 0
	}
	return approval.Step
}

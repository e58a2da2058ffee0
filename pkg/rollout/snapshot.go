package rollout

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
)

// Snapshot is everything that a decision is based on.
type Snapshot struct {
	// RC is the user's ReplicationController.
	RC Member

	// Owned are the ReplicationControllers that RC controls, in any order.
	Owned []Member

	// Desired is the requested number of pods, 0 or more.
	Desired int32

	// MinReady is how long a pod of the new ReplicationController must be ready to be available.
	MinReady time.Duration

	// Requested is the hash of the requested template, Live that of the request whose
	// template is live. If they are equal the rollout was cancelled (or is over).
	Requested, Live string

	// Approved is up to which step the request is approved, 0 if it is not, and ApprovedAt
	// since when.
	Approved   int
	ApprovedAt time.Time

	// Differs are the fields in which the template is stored otherwise than it was
	// requested, though it is the requested one: something else changed it on the way.
	Differs []string

	// Sealed is the hash under promotion, from the selector of RC; empty when it
	// is not sealed. Adopting is the same from its template.
	Sealed, Adopting string

	// BlockedBy is input that no rollout can proceed with; nil if there is none.
	BlockedBy *BlockedBy

	Strategy api.Strategy

	// Hold is what policies have the rollout wait for; nil if they do not. It does not hold a
	// rescue.
	Hold *policy.Hold

	// Conditions are those of RC.
	Conditions []corev1.ReplicationControllerCondition

	// Memory is what the agent remembers of the rollout since it runs.
	Memory Memory

	Now time.Time

	// Pods answers CountPods: the pods with the labels that the RC adopts by; nil if
	// they were not counted.
	Pods *Pods

	// Name answers CheckName.
	Name NameCheck

	// Inspection is the last answer to InspectPods.
	Inspection Inspection
}

// Memory is what a restarted agent does not know.
type Memory struct {
	// LastStep is when the agent last took a step; zero if it has taken none.
	LastStep time.Time

	// LastScaleUp is when the new RC was last scaled up; the start of the agent if it
	// has not been since.
	LastScaleUp time.Time

	// Problem is the one that the conditions tell of; nil if they tell of none, or
	// if another process wrote them.
	Problem *Problem

	// Told is what the agent told last by the conditions (ConditionChange.Told); empty if
	// it has told nothing.
	Told string

	// StepError is why the last pass failed; empty if it did not.
	StepError string

	// HeldUpSince is when the rollout began to be held up by anything but its pods;
	// zero if nothing holds it up.
	HeldUpSince time.Time
}

// Pods counts pods that are neither terminating nor finished, by their controller.
type Pods struct {
	// OfRC are controlled by the RC, OfNewRC by the new ReplicationController
	// under promotion, Orphans by nobody.
	OfRC, OfNewRC, Orphans int32

	// Finished are pods of the new ReplicationController that have succeeded or failed,
	// and that nobody controls. kube-controller-manager does not adopt those.
	Finished []FinishedPod
}

// FinishedPod is a pod as it was listed.
type FinishedPod struct {
	Name            string
	UID             types.UID
	ResourceVersion string
}

// BlockedBy is input that no rollout can proceed with.
type BlockedBy struct {
	// Reason is one of the Reason constants.
	Reason string

	// Message says what is wrong, and how to put it right.
	Message string
}

// NameCheck says who holds the name of the new ReplicationController.
type NameCheck string

const (
	// NameNotChecked: nobody looked.
	NameNotChecked NameCheck = ""

	// NameFree: there is no object of that name.
	NameFree NameCheck = "Free"

	// NameTerminating: the object goes away by itself. It is being deleted, or was
	// controlled by a predecessor of the RC, so that the garbage collector deletes it.
	NameTerminating NameCheck = "Terminating"

	// NameConflict: the object is somebody else's.
	NameConflict NameCheck = "Conflict"
)

// Inspection is what the agent has learnt from the pods of a member.
type Inspection struct {
	// Of is the member that was inspected, or is about to be; empty if none is.
	Of types.UID

	// Report is nil until the pods were listed for the first time.
	Report *PodReport

	// Due is set when it is time to list them again, Fresh when they were listed in
	// this pass.
	Due, Fresh bool
}

// Begun reports whether anything was done for the request, so that it takes a place among
// the rollouts in progress.
func (s Snapshot) Begun() bool { return s.promoting() || len(s.Owned) > 0 }

// Rescue reports whether the rollout goes back to what is live, or ends what must not stay
// half-way: nothing but its own user holds that.
func (s Snapshot) Rescue() bool { return s.promoting() || s.cancelled() }

// promoting reports whether a promotion has begun. It is finished before anything
// else happens.
func (s Snapshot) promoting() bool { return s.Sealed != "" || s.Adopting != "" }

// cancelled reports whether the live template is requested.
func (s Snapshot) cancelled() bool { return s.Requested == s.Live }

// rollsBack reports whether the pods of the live template come back. In a promotion the
// live template is requested, too.
func (s Snapshot) rollsBack() bool { return s.cancelled() && !s.promoting() }

// NewRCName is the name of the new ReplicationController: of the one under
// promotion while there is a promotion, of the requested one otherwise.
func (s Snapshot) NewRCName() string {
	hash := s.Requested
	switch {
	case s.Sealed != "":
		hash = s.Sealed
	case s.Adopting != "":
		hash = s.Adopting
	}
	return api.NewRCName(s.RC.Name, hash)
}

// newRC is the new ReplicationController, nil if it does not exist.
func (s Snapshot) newRC() *Member {
	name := s.NewRCName()
	for i := range s.Owned {
		if s.Owned[i].Name == name {
			return &s.Owned[i]
		}
	}
	return nil
}

// newAndOld are the members that go up and down. After a cancel the RC itself is the
// new one; otherwise new is nil as long as it does not exist.
func (s Snapshot) newAndOld() (newRC *Member, old []Member) {
	if s.cancelled() {
		return &s.RC, sortedWithout(s.Owned, "")
	}
	newRC = s.newRC()
	if newRC == nil {
		return nil, append(sortedWithout(s.Owned, ""), s.RC)
	}
	return newRC, append(sortedWithout(s.Owned, newRC.Name), s.RC)
}

// sortedWithout is a copy of the members but the named one, in the order of their
// names.
func sortedWithout(members []Member, name string) []Member {
	rest := slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return m.Name == name })
	slices.SortFunc(rest, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return rest
}

func (s Snapshot) condition(kind corev1.ReplicationControllerConditionType) *corev1.ReplicationControllerCondition {
	return FindCondition(s.Conditions, kind)
}

// FindCondition returns the condition of a type; nil if there is none.
func FindCondition(conditions []corev1.ReplicationControllerCondition, kind corev1.ReplicationControllerConditionType) *corev1.ReplicationControllerCondition {
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}

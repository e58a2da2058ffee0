package rollout

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
)

// Snapshot is everything that a decision is based on.
type Snapshot struct {
	// RC is the user's ReplicationController.
	RC Member

	// Owned are the ReplicationControllers that RC controls, in any order.
	Owned []Member

	// Desired is the requested number of pods, 0 or more.
	Desired int32

	// Requested and Live are the hashes of the requested and of the live
	// template. If they are equal the rollout was cancelled (or is over).
	Requested, Live string

	// Sealed is the hash under promotion, from the selector of RC; empty when it
	// is not sealed. Adopting is the same from its template.
	Sealed, Adopting string

	// Obstacle stands in the way of any step; nil if there is none.
	Obstacle *Obstacle

	// NameTaken is set if an object of somebody else has the name of the next
	// ReplicationController.
	NameTaken *NameTaken

	Strategy api.Strategy

	// Pods are those with the labels that the RC adopts by. They are counted only
	// where NeedsPods asks for it.
	Pods Pods

	// Conditions are those of RC.
	Conditions []corev1.ReplicationControllerCondition

	// LastStep is when the agent last took a step of this rollout; zero if it has not
	// since it runs.
	LastStep time.Time

	// Look is what the pods of the member told that Awaited names; nil if they were
	// not asked.
	Look *Look

	// NextLook is when they are asked again.
	NextLook time.Time

	// LastScaleUp is when the target was last scaled up; zero if it never was.
	LastScaleUp time.Time

	Now time.Time
}

// Member is a ReplicationController that has a share in the pods.
type Member struct {
	Name string
	UID  types.UID

	// Replicas is spec.replicas.
	Replicas int32

	// Current tells that the status is one for the present spec.
	Current bool

	// Pods is status.replicas: its pods that are not terminating.
	Pods int32

	// Available is status.availableReplicas: ready for minReadySeconds.
	Available int32

	// Failing tells that pods could not be created or deleted.
	Failing bool

	// Failure is why pods could not be created; empty if that is not so.
	Failure string

	// Created is its creationTimestamp.
	Created time.Time

	// MinReady is how long a pod must be ready to be available, 0 or more.
	MinReady time.Duration

	// Deleting tells that it has a deletion timestamp.
	Deleting bool
}

// available is a number of pods that are certainly available, now and when the
// replicas are what the spec says. A status for another spec says nothing. Neither
// does one that tells of more pods than the spec wants: it is from before deletions,
// and if the replicas went down and up again there may have been more of these than
// the spec tells.
func (m Member) available() int32 {
	if !m.Current || m.Deleting || m.Pods > m.Replicas {
		return 0
	}
	return min(m.Available, m.Replicas)
}

// pods is a number of pods that there certainly are not more of: those that there
// are, or those that there will be.
func (m Member) pods() int32 { return max(m.Replicas, m.Pods) }

// settled tells that no pod is on its way. While a ReplicationController manager
// creates pods its status counts only those that its cache shows already; were
// the spec lowered in that moment, neither spec nor status would tell of the
// others, and too many could be created elsewhere. Creation that fails is no
// reason to wait, it may do so for ever.
func (m Member) settled() bool {
	return m.Current && !m.Deleting && (m.Pods >= m.Replicas || m.Failing)
}

// unhealthy is the number of pods that may go first: certainly not available, and
// not merely on their way. A status that tells of more pods than the spec wants does
// not tell which of them stay.
func (m Member) unhealthy() int32 {
	if !m.settled() || m.Pods > m.Replicas {
		return 0
	}
	return m.Replicas - m.available()
}

// empty tells that there is no pod and none is to come.
func (m Member) empty() bool { return m.Current && m.Replicas == 0 && m.Pods == 0 }

// Pods counts pods that are neither terminating nor finished, by their controller.
type Pods struct {
	// OfRC are controlled by the RC, OfNewRC by the next ReplicationController
	// under promotion, Orphans by nobody.
	OfRC, OfNewRC, Orphans int32
}

// Obstacle is input that no rollout can go by.
type Obstacle struct {
	// Reason is one of the Reason constants.
	Reason string

	// Message says what is wrong, and how to put it right.
	Message string
}

// NameTaken tells of an object that has the name of the next
// ReplicationController without being controlled by the RC.
type NameTaken struct {
	// Passing tells that the object is going away by itself: it is being deleted,
	// or was controlled by a predecessor of the same name, so that the garbage
	// collector will take it.
	Passing bool
}

// Cancelled tells that the live template is requested.
func (s Snapshot) Cancelled() bool { return s.Requested == s.Live }

// fulfilled tells that nothing is left of a rollout but its request: the template is
// live, and the RC has all pods.
func (s Snapshot) fulfilled() bool { return s.Cancelled() && !s.Promoting() && len(s.Owned) == 0 }

// Promoting tells that a promotion has begun. It is finished before anything else
// happens.
func (s Snapshot) Promoting() bool { return s.Sealed != "" || s.Adopting != "" }

// NewRCName is the name of the next ReplicationController: of the one under
// promotion while there is a promotion, of the requested one otherwise.
func (s Snapshot) NewRCName() string {
	if s.Sealed != "" {
		return api.NewRCName(s.RC.Name, s.Sealed)
	}
	if s.Adopting != "" {
		return api.NewRCName(s.RC.Name, s.Adopting)
	}
	return api.NewRCName(s.RC.Name, s.Requested)
}

// NeedsNext tells that the next ReplicationController is about to be created, so
// that its name must be free.
func (s Snapshot) NeedsNext() bool {
	return !s.Promoting() && !s.Cancelled() && s.next() == nil
}

// NeedsPods tells that the decision depends on the pods themselves. Pods are listed
// before the RC is sealed, for a status can be from before a creation, and a pod that
// the RC still has would be left behind; when the next ReplicationController is gone;
// and once more if the status of the RC tells of fewer than it was to adopt. Every
// other change of the RC is no reason to list pods, of which there may be many.
func (s Snapshot) NeedsPods() bool {
	if s.Adopting != "" {
		return s.RC.settled() && s.RC.Pods < s.RC.Replicas
	}
	next := s.next()
	return s.Sealed != "" && next == nil || s.isAboutToSeal(next)
}

// isAboutToSeal tells that by what the statuses say the promotion can begin.
func (s Snapshot) isAboutToSeal(next *Member) bool {
	return !s.Promoting() && !s.Cancelled() && next != nil && !next.Deleting && canPromote(s, *next)
}

// sides are the member that goes up, nil if it does not stand yet, and those that go
// down.
func (s Snapshot) sides() (target *Member, others []Member) {
	if s.Cancelled() {
		return &s.RC, without(s.Owned, "")
	}
	target = s.next()
	if target == nil {
		return nil, append(without(s.Owned, ""), s.RC)
	}
	return target, append(without(s.Owned, target.Name), s.RC)
}

// next is the next ReplicationController, if it stands.
func (s Snapshot) next() *Member {
	name := s.NewRCName()
	for i := range s.Owned {
		if s.Owned[i].Name == name {
			return &s.Owned[i]
		}
	}
	return nil
}

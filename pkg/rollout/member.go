package rollout

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Member is a ReplicationController that has a share in the pods.
type Member struct {
	Name string
	UID  types.UID

	// Replicas is spec.replicas.
	Replicas int32

	// StatusObserved is set if the status is one for the present spec
	// (observedGeneration has reached generation).
	StatusObserved bool

	// Pods is status.replicas: its pods that are not terminating.
	Pods int32

	// Available is status.availableReplicas: ready for minReadySeconds.
	Available int32

	// Failing is set if pods could not be created or deleted.
	Failing bool

	// Failure is why pods could not be created; empty if they could.
	Failure string

	// Created is its creationTimestamp.
	Created time.Time

	// MinReady is how long a pod must be ready to be available, 0 or more.
	MinReady time.Duration

	// Deleting is set if it has a deletion timestamp.
	Deleting bool
}

// available is a number of pods that are certainly available, now and when the
// replicas are what the spec says. A status for another spec says nothing. Neither
// does one that tells of more pods than the spec wants: it is from before deletions,
// and if the replicas went down and up again there may have been more of these than
// the spec tells.
func (m Member) available() int32 {
	if !m.StatusObserved || m.Deleting || m.Pods > m.Replicas {
		return 0
	}
	return min(m.Available, m.Replicas)
}

// pods is an upper bound of its pods: those that there are, or those that there
// will be.
func (m Member) pods() int32 { return max(m.Replicas, m.Pods) }

// stable reports whether no pod is about to be created or deleted. While
// kube-controller-manager creates pods, its status counts only those that its cache
// shows already; were the spec lowered in that moment, neither spec nor status would
// tell of the others, and too many could be created elsewhere. Creation that fails is
// no reason to wait, it may do so for ever.
func (m Member) stable() bool {
	return m.StatusObserved && !m.Deleting && (m.Pods >= m.Replicas || m.Failing)
}

// unhealthy is the number of pods that may go first: certainly not available, and
// not merely being started. A status that tells of more pods than the spec wants does
// not tell which of them stay.
func (m Member) unhealthy() int32 {
	if !m.stable() || m.Pods > m.Replicas {
		return 0
	}
	return m.Replicas - m.available()
}

// empty reports whether there is no pod and none is to come.
func (m Member) empty() bool { return m.StatusObserved && m.Replicas == 0 && m.Pods == 0 }

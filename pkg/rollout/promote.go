package rollout

import (
	"fmt"

	"github.com/rcroll/rcroll/pkg/api"
)

// canPromote tells that the next ReplicationController is at rest with all desired
// pods available, and that there is no other pod, nor anything that could make one.
func canPromote(s Snapshot, next Member) bool {
	atRest := next.Current && next.Replicas == s.Desired && next.Pods == s.Desired && next.Available == s.Desired
	return atRest && s.RC.empty() && len(s.Owned) == 1
}

// seal begins the promotion: the RC takes the template over, and the selector of
// the pods along with a label that none of them has.
func seal(s Snapshot, next Member) Decision {
	return s.send(api.Seal, 0, "all pods are updated and available",
		normal(ReasonPromoting, fmt.Sprintf("All pods are updated. %s takes over the pods of %s", s.RC.Name, next.Name)))
}

// promote goes on with a promotion. Sealed and with next there: next goes without
// its pods. Sealed and without it: the RC adopts them. Adopting: once it has them
// all, the rollout is finished.
//
// Neither a pause nor a newer request nor a strategy that does not parse holds it
// up. The pods are all there and serve, and nobody replaces one that dies until it
// is over, so half-way is the one place where a rollout must not stay. A newer
// request stays when it is finished, and is rolled out then.
func promote(s Snapshot) Decision {
	switch next := s.next(); {
	case s.Sealed == "":
		return open(s)
	case next == nil:
		return adopt(s)
	case next.Deleting:
		return wait(fmt.Sprintf("%s is being deleted", next.Name))
	case !s.RC.Current:
		// A manager that still knows the selector as it was before, which may
		// match, and the 0 replicas would adopt the orphans and delete them.
		return wait(fmt.Sprintf("the ReplicationController manager has yet to see that %s is sealed", s.RC.Name))
	case !next.settled() || next.Pods > next.Replicas:
		// A pod that is being created while the others lose their owner would be
		// taken for one of a ReplicationController that is gone, and collected.
		return wait(fmt.Sprintf("%s is creating or deleting pods", next.Name))
	default:
		return orphan(*next)
	}
}

func orphan(next Member) Decision {
	return Decision{
		Actions: []Action{{
			Kind:   OrphanPods,
			Name:   next.Name,
			UID:    next.UID,
			Events: []Event{normal(ReasonDeleted, fmt.Sprintf("Deleted %s, its pods stay", next.Name))},
		}},
		Reason: next.Name + " has no more to do",
	}
}

// adopt opens the selector for the pods that there are: with more replicas the RC
// would create pods (which is forbidden until it is opened), with fewer
// it would delete some.
func adopt(s Snapshot) Decision {
	if s.Pods.OfNewRC > 0 {
		return Decision{
			Reason: fmt.Sprintf("%d pods are still controlled by %s", s.Pods.OfNewRC, s.NewRCName()),
			Poll:   true,
		}
	}
	return s.send(api.Adopt, s.Pods.Orphans+s.Pods.OfRC, fmt.Sprintf("%d pods wait to be adopted", s.Pods.Orphans))
}

// open ends the promotion once no pod is left to adopt. The replicas are the
// number of pods that there were to adopt, and nobody else could create one. So a
// status with as many is of exactly those. With fewer, either the manager does not
// see all of them yet, or some died; it tries to create others, is refused, says so
// in the status, and the pods themselves tell which it is. Pods that died are not
// waited for: they are replaced when creation is allowed again, which is what Open
// does.
//
// What there is to tell of the end is written before Open, for an RC manager that
// repeats a status write after a conflict puts the conditions of its cache back.
// Once it has observed the generation that Open made, its cache holds these.
func open(s Snapshot) Decision {
	switch {
	case !s.RC.settled():
		return wait(fmt.Sprintf("the ReplicationController manager has yet to take the pods of %s over", s.RC.Name))
	case s.Pods.Orphans > 0 || s.Pods.OfNewRC > 0:
		return Decision{Reason: fmt.Sprintf("%d pods are yet to be adopted", s.Pods.Orphans+s.Pods.OfNewRC), Poll: true}
	case s.Pods.OfRC > s.RC.Pods:
		// Were fewer replicas requested meanwhile, nothing would tell of the others.
		return Decision{Reason: fmt.Sprintf("the status of %s is yet to tell of %d pods", s.RC.Name, s.Pods.OfRC), Poll: true}
	}
	taken := fmt.Sprintf("%s has taken over the pods of %s", s.RC.Name, s.NewRCName())
	if !s.Cancelled() {
		message := fmt.Sprintf("%s; going on to %s", taken, api.NewRCName(s.RC.Name, s.Requested))
		return s.send(api.Open, 0, message, normal(ReasonSucceeded, message))
	}
	message := "Update succeeded. " + taken
	return tell(s, complete(s), s.send(api.Open, 0, message, normal(ReasonSucceeded, message)))
}

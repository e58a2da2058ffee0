package rollout

import (
	"fmt"

	"github.com/rcroll/rcroll/pkg/api"
)

// canPromote reports whether by what the statuses say the new ReplicationController is
// stable with all desired pods available, and there is no other pod, nor anything
// that could make one.
func canPromote(s Snapshot, newRC Member) bool {
	complete := newRC.StatusObserved && newRC.Replicas == s.Desired && newRC.Pods == s.Desired && newRC.Available == s.Desired
	return complete && s.RC.empty() && len(s.Owned) == 1
}

// seal begins the promotion: the RC takes the template over, and the selector of
// the pods along with a label that none of them has. The pods are counted before, for
// a status can be from before a creation, and a pod that the RC still has would be
// left behind.
func seal(s Snapshot, newRC Member) Decision {
	switch {
	case s.Pods == nil:
		return ask(CountPods)
	case s.Pods.OfRC > 0:
		return s.announce(underway(s), s.awaitStatus())
	}
	return s.announce(underway(s), s.command(api.Seal, 0, "all pods are updated and available",
		normal(ReasonPromoting, promotionMessage(s, newRC))))
}

// promote goes on with a promotion. Sealed and with the new RC there: it goes without
// its pods. Sealed and without it: the RC adopts them. Adopting: once it has them
// all, the rollout is finished.
//
// Neither a pause nor a newer request nor settings that do not parse hold it up. The
// pods are all there and serve, and nobody replaces one that dies until it is over, so
// half-way is the one place where a rollout must not stay. A newer request stays when
// it is finished, and is rolled out then.
func promote(s Snapshot) Decision {
	switch newRC := s.newRC(); {
	case s.Sealed == "":
		return open(s)
	case newRC == nil:
		return adopt(s)
	case newRC.Deleting:
		return wait(newRC.Name + " is being deleted")
	case !s.RC.StatusObserved:
		// A manager that still knows the selector as it was before, which may
		// match, and the 0 replicas would adopt the orphans and delete them.
		return wait("kube-controller-manager has not observed that " + s.RC.Name + " is sealed")
	case !newRC.stable() || newRC.Pods > newRC.Replicas:
		// A pod that is being created while the others lose their owner would be
		// taken for one of a ReplicationController that is gone, and collected.
		return wait(newRC.Name + " is creating or deleting pods")
	default:
		return orphan(*newRC)
	}
}

func orphan(newRC Member) Decision {
	return Decision{
		Actions: []Action{{
			Kind:   OrphanPods,
			Name:   newRC.Name,
			UID:    newRC.UID,
			Events: []Event{normal(ReasonDeleted, fmt.Sprintf("Deleted %s, its pods stay", newRC.Name))},
		}},
		Reason: newRC.Name + " has done its work",
	}
}

// adopt opens the selector for the pods that there are: with more replicas the RC
// would create pods (which is forbidden until it is opened), with fewer
// it would delete some. A pod that has just finished is counted in place of a missing one:
// kube-controller-manager may not know that yet, and with fewer replicas would delete
// another one for it.
func adopt(s Snapshot) Decision {
	switch {
	case s.Pods == nil:
		return ask(CountPods)
	case s.Pods.OfNewRC > 0:
		return poll(fmt.Sprintf("%d pods are still controlled by %s", s.Pods.OfNewRC, s.NewRCName()))
	}
	pods := s.Pods.Orphans + s.Pods.OfRC
	pods += min(int32(len(s.Pods.Finished)), max(0, s.Desired-pods)) //nolint:gosec // pods of one namespace
	return s.adoptFinished(s.command(api.Adopt, pods, fmt.Sprintf("%d pods wait to be adopted", s.Pods.Orphans)))
}

// adoptFinished has the RC control finished pods as well, before the rest of a decision:
// they would outlive it otherwise. A pod that finishes after they were counted is missed
// in the status of the RC, so that they are counted again (see open), unless
// kube-controller-manager adopted it before.
func (s Snapshot) adoptFinished(decision Decision) Decision {
	if s.Pods == nil {
		return decision
	}
	adoptions := make([]Action, 0, len(s.Pods.Finished))
	for i := range s.Pods.Finished {
		adoptions = append(adoptions, Action{Kind: AdoptPod, Name: s.RC.Name, UID: s.RC.UID, Pod: &s.Pods.Finished[i]})
	}
	decision.Actions = append(adoptions, decision.Actions...)
	return decision
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
	if !s.RC.stable() {
		return wait("kube-controller-manager has yet to adopt the pods of " + s.RC.Name)
	}
	if s.RC.Pods < s.RC.Replicas {
		switch {
		case s.Pods == nil:
			return ask(CountPods)
		case s.Pods.Orphans > 0 || s.Pods.OfNewRC > 0:
			return poll(fmt.Sprintf("%d pods are yet to be adopted", s.Pods.Orphans+s.Pods.OfNewRC))
		case s.Pods.OfRC > s.RC.Pods:
			// Were fewer replicas requested meanwhile, nothing would tell of the others.
			return s.awaitStatus()
		}
	}
	if !s.cancelled() {
		message := takeoverMessage(s) + "; going on to " + api.NewRCName(s.RC.Name, s.Requested)
		return s.takenOver(message)
	}
	return s.announce(complete(s), s.takenOver("Update succeeded. "+takeoverMessage(s)))
}

// takenOver is the last step of a promotion, and what is told of it.
func (s Snapshot) takenOver(message string) Decision {
	decision := s.command(api.Open, 0, message, normal(ReasonSucceeded, message))
	decision.Actions[0].Result = Succeeded
	return s.adoptFinished(decision)
}

// awaitStatus waits until the status of the RC counts the pods that a list shows.
func (s Snapshot) awaitStatus() Decision {
	return poll(fmt.Sprintf("the status of %s does not count all of its %d pods", s.RC.Name, s.Pods.OfRC))
}

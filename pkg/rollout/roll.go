package rollout

import (
	"fmt"

	"github.com/rcroll/rcroll/pkg/api"
)

// roll replaces the pods of everything else by those of the new
// ReplicationController.
func roll(s Snapshot) Decision {
	newRC, old := s.newAndOld()
	switch {
	case newRC == nil:
		return create(s, old)
	case newRC.Deleting:
		return s.announce(underway(s), wait(newRC.Name+" is being deleted and will be created again"))
	case canPromote(s, *newRC):
		return seal(s, *newRC)
	}
	return progress(s, *newRC, replace(s, *newRC, old))
}

// rollBack brings the RC, whose template is requested again, back to the desired
// replicas. One for a failed rollout leaves the conditions that tell of the failure
// until its end.
func rollBack(s Snapshot) Decision {
	rc, old := s.newAndOld()
	step := replace(s, *rc, old)
	if s.rollsBackFailure() || s.rollbackStuck() && len(step.Actions) > 0 {
		return step
	}
	return progress(s, *rc, step)
}

// progress is a step, or the decision to wait for pods of the target.
func progress(s Snapshot, target Member, step Decision) Decision {
	if step.isWaiting() {
		return await(s, target, step)
	}
	return s.announce(underway(s), step)
}

// finish forgets a request whose template is live, when no owned ReplicationController
// is left. Nothing is left to weigh then: Finish sets the replicas, and waiting for
// pods that may have been broken before the rollout would keep the request pending
// for nothing.
//
// It is the last that is heard of the rollout, so the conditions must be right
// before, and must stay so: see open.
func finish(s Snapshot) Decision {
	end := ended(s)
	switch {
	case s.differs(end):
		return s.announce(end, wait("the conditions do not tell of the end yet"))
	case s.Desired < s.RC.Replicas && !s.RC.stable():
		// Neither spec nor status would tell of the pods that are still being created,
		// and the next rollout would create too many.
		return wait(s.RC.Name + " is still creating pods")
	case !s.RC.StatusObserved:
		return wait("kube-controller-manager has not observed the end of the rollout of " + s.RC.Name)
	}
	return s.command(api.Finish, 0, "the request is fulfilled")
}

// create makes the new ReplicationController, without replicas. A creation is the one
// write that no resource version protects, and the cache may lack what another agent
// created before. What comes next waits for the cache to show this creation, and with
// it everything that is older.
func create(s Snapshot, old []Member) Decision {
	name := s.NewRCName()
	switch s.Name {
	case NameNotChecked:
		return ask(CheckName)
	case NameTerminating:
		return poll("the garbage collector has yet to delete " + name)
	case NameConflict:
		decision := block(s.blockedBy(BlockedBy{Reason: ReasonNameConflict, Message: nameConflictMessage(s)}))
		decision.Poll = true // Nobody may be watching the object.
		return decision
	}
	return s.announce(underway(s), Decision{
		Actions: []Action{{
			Kind: CreateNewRC,
			Name: name,
			Events: []Event{
				normal(ReasonCreated, "Created "+name),
				normal(ReasonScaling, summaryMessage(s, Member{Name: name}, old)),
			},
		}},
		Reason: name + " does not exist",
	})
}

func (s Snapshot) blockedBy(what BlockedBy) Snapshot {
	s.BlockedBy = &what
	return s
}

// replace takes one step from the old members to the target. Scaling up and scaling
// down go into the same pass, for neither bound depends on the other write:
//
//   - At most maxPods: scaleUp counts every member at the larger of what it has and
//     what it is told to have, the new size of the target included. What is taken
//     away in the same pass is not counted as gone.
//   - At least minAvailable: scaleDown takes from what is available now. Pods that
//     the same pass adds are not counted as there.
//
// So whichever of the writes happens, fails, is delayed or overtaken by the others,
// both bounds hold. What was empty at the beginning of the pass is deleted.
func replace(s Snapshot, target Member, old []Member) Decision {
	limits := limitsOf(s)
	limits.size = s.position(target, old).size
	up, reason, requeueAfter := scaleTarget(s, target, old, limits)
	decision := Decision{Reason: reason, RequeueAfter: requeueAfter}
	switch action := s.scale(target, up); {
	case up != target.Replicas:
		action.ScaleUp = up > target.Replicas
		decision.Actions = append(decision.Actions, action)
		decision.Reason = fmt.Sprintf("%s goes from %d to %d", target.Name, target.Replicas, up)
	case up > 0 && target.UID != s.RC.UID && target.MinReady != s.MinReady:
		// How long its pods must be ready was changed. Where it grows that comes along.
		action.Events = nil
		decision.Actions = append(decision.Actions, action)
	}
	target.Available, target.Replicas = target.available(), up
	sizes := scaleOld(target, old, limits)
	for i, member := range old {
		if sizes[i] != member.Replicas {
			decision.Actions = append(decision.Actions, s.scale(member, sizes[i]))
		}
	}
	for _, rc := range old {
		if rc.UID != s.RC.UID && rc.empty() && !rc.Deleting {
			decision.Actions = append(decision.Actions, Action{
				Kind:   DeleteOwned,
				Name:   rc.Name,
				UID:    rc.UID,
				Events: []Event{normal(ReasonDeleted, "Deleted "+rc.Name)},
			})
		}
	}
	return decision
}

// scale is the write that scales a member. The RC itself is scaled by the webhook.
func (s Snapshot) scale(member Member, replicas int32) Action {
	action := Action{
		Kind:     ScaleOwned,
		Name:     member.Name,
		UID:      member.UID,
		Replicas: replicas,
		Events:   []Event{normal(ReasonScaling, scalingMessage(member, replicas))},
	}
	if member.UID == s.RC.UID {
		action.Kind = SendCommand
		action.Command = api.Command{Operation: api.Scale, Hash: s.Requested, Replicas: replicas}
	}
	return action
}

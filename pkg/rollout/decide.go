package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rcroll/rcroll/pkg/api"
)

// Decide decides what is due. In the order of the cases: a promotion that has begun
// is finished, whatever else was asked for meanwhile, for the pods have no
// controller then, or are about to lose it; trouble and pause keep everything as
// it is; a cancel undoes; and otherwise pods are replaced until all are new.
//
// Conditions are written when their meaning changes, which is rarely, and before
// the steps that they tell of. Both may be on the RC, and in one pass: the first
// write is under the version that was observed, so that the version that it returns
// differs from that one by the conditions and by nothing else.
func Decide(s Snapshot) Decision {
	if s.RC.Deleting {
		return wait("the ReplicationController is being deleted, the garbage collector takes the rest along")
	}
	if s.Obstacle != nil && s.Obstacle.Reason == ReasonInvalidRequest {
		// Every plan names the hash of the request: without one there is no step.
		return report(s, stalled(*s.Obstacle), s.Obstacle.Message)
	}
	if s.Promoting() {
		return promote(s)
	}
	if s.fulfilled() {
		return end(s)
	}
	switch {
	case s.Obstacle != nil:
		return report(s, stalled(*s.Obstacle), s.Obstacle.Message)
	case s.NameTaken != nil && s.NameTaken.Passing:
		return Decision{Reason: fmt.Sprintf("the garbage collector still has to take %s", s.NewRCName()), Poll: true}
	case s.NameTaken != nil:
		obstacle := nameTaken(s)
		decision := report(s, stalled(obstacle), obstacle.Message)
		// The object may be one that nobody watches.
		decision.Poll = true
		return decision
	case s.Strategy.Paused:
		return report(s, paused(), "the rollout is paused")
	case s.Cancelled():
		return rollBack(s)
	}
	if target := s.Awaited(); target != nil {
		return await(s, *target, roll(s))
	}
	return tell(s, underway(s), roll(s))
}

// roll replaces the pods of everything else by those of the next
// ReplicationController.
func roll(s Snapshot) Decision {
	next, others := s.sides()
	switch {
	case next == nil:
		return create(s)
	case next.Deleting:
		return wait(fmt.Sprintf("%s is being deleted and will be created again", next.Name))
	case canPromote(s, *next) && s.Pods.OfRC > 0:
		return Decision{Reason: fmt.Sprintf("the status of %s is yet to tell of %d pods", s.RC.Name, s.Pods.OfRC), Poll: true}
	case canPromote(s, *next):
		return seal(s, *next)
	}
	return replace(s, *next, others)
}

// rollBack brings the RC, whose template is requested again, back to the desired
// replicas.
//
// A rollback for a failure leaves the conditions that tell of it until its end.
func rollBack(s Snapshot) Decision {
	target, others := s.sides()
	step := replace(s, *target, others)
	switch {
	case s.failure() != "", s.hopeless() && len(step.Actions) > 0:
		return step
	case s.Awaited() != nil:
		return await(s, *target, step)
	}
	return tell(s, underway(s), step)
}

// end forgets a request whose template is live, when no other ReplicationController
// is left. Nothing is left to weigh then: Finish sets the replicas, and waiting for
// pods that may have been broken before the rollout would keep the request pending
// for nothing. Neither a pause nor a strategy that does not parse is in the way.
//
// It is the last that is heard of the rollout, so the conditions must be right
// before, and must stay so: see open.
func end(s Snapshot) Decision {
	standing := ending(s)
	switch {
	case differs(s, standing):
		return tell(s, standing, wait("the conditions do not tell of the end yet"))
	case s.Desired < s.RC.Replicas && !s.RC.settled():
		// Neither spec nor status would tell of the pods that are still on their way,
		// and the next rollout would create too many.
		return wait(fmt.Sprintf("%s is still creating pods", s.RC.Name))
	case !s.RC.Current:
		return wait(fmt.Sprintf("the ReplicationController manager has yet to see the end of the rollout of %s", s.RC.Name))
	}
	return s.send(api.Finish, 0, "nothing is left to do")
}

// create makes the next ReplicationController, without replicas. A creation is the one
// write that no resource version protects, and the cache may lack what another agent
// created before. What comes next waits for the cache to show this creation, and with
// it everything that is older.
func create(s Snapshot) Decision {
	target := Member{Name: s.NewRCName()}
	return Decision{
		Actions: []Action{{
			Kind: CreateNewRC,
			Name: target.Name,
			Events: []Event{
				normal(ReasonCreated, "Created "+target.Name),
				normal(ReasonScaling, intention(s, target, append(without(s.Owned, target.Name), s.RC))),
			},
		}},
		Reason: target.Name + " does not exist",
	}
}

// intention is the old command's summary of what is about to happen.
func intention(s Snapshot, target Member, others []Member) string {
	down := make([]string, 0, len(others))
	for _, other := range others {
		down = append(down, fmt.Sprintf("%s from %d to 0", other.Name, other.Replicas))
	}
	limits := limitsOf(s)
	return fmt.Sprintf("Scaling up %s from %d to %d, scaling down %s (keep %d pods available, don't exceed %d pods)",
		target.Name, target.Replicas, s.Desired, strings.Join(down, ", "), limits.minAvailable, limits.maxPods)
}

// replace takes one step from the others to the target. Scaling up and scaling
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
func replace(s Snapshot, target Member, others []Member) Decision {
	limits := limitsOf(s)
	up, reason, lookAgain := scaleTarget(s, target, others, limits)
	decision := Decision{Reason: reason, LookAgain: lookAgain}
	if up != target.Replicas {
		decision.Actions = append(decision.Actions, s.scale(target, up))
		decision.Reason = fmt.Sprintf("%s goes from %d to %d", target.Name, target.Replicas, up)
	}
	target.Available, target.Replicas = target.available(), up
	for i, replicas := range scaleOthers(target, others, limits) {
		if replicas != others[i].Replicas {
			decision.Actions = append(decision.Actions, s.scale(others[i], replicas))
		}
	}
	for _, stale := range others {
		if stale.UID != s.RC.UID && stale.empty() && !stale.Deleting {
			decision.Actions = append(decision.Actions, deleteStale(stale))
		}
	}
	return decision
}

// scale is the write that scales a member. The RC itself is scaled by the webhook.
func (s Snapshot) scale(member Member, replicas int32) Action {
	direction := "down"
	if replicas > member.Replicas {
		direction = "up"
	}
	action := Action{
		Kind:     ScaleOwned,
		Name:     member.Name,
		UID:      member.UID,
		Replicas: replicas,
		ScaleUp:  replicas > member.Replicas,
		Events:   []Event{normal(ReasonScaling, fmt.Sprintf("Scaling %s %s to %d", member.Name, direction, replicas))},
	}
	if member.UID == s.RC.UID {
		action.Kind = SendCommand
		action.Command = api.Command{Operation: api.Scale, Hash: s.Requested, Replicas: replicas}
	}
	return action
}

func deleteStale(stale Member) Action {
	return Action{
		Kind:   DeleteOwned,
		Name:   stale.Name,
		UID:    stale.UID,
		Events: []Event{normal(ReasonDeleted, "Deleted "+stale.Name)},
	}
}

// carryOut is the decision to have the webhook carry out a plan for what is requested.
func (s Snapshot) send(operation api.Operation, replicas int32, reason string, events ...Event) Decision {
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

// without is a copy of the members but the named one, in the order of their names.
func without(members []Member, name string) []Member {
	rest := slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return m.Name == name })
	slices.SortFunc(rest, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return rest
}

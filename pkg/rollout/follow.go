package rollout

// follow scales a rollout that takes no step to the number of pods that is desired
// meanwhile: users and autoscalers go on where a rollout is paused, or a policy holds it for
// days. (The Deployment controller scales paused Deployments, too.)
//
// What is missing is added to the pods of the live template, and what is too much taken
// from them first, so that no pod is replaced. What a rollout in progress may lack, or have
// beyond the desired number, is left as it is.
func follow(s Snapshot, reason string) Decision {
	limits := limitsOf(s)
	least, most := limits.minAvailable, limits.maxPods
	if !s.Begun() || s.Desired == 0 {
		least, most = int64(s.Desired), int64(s.Desired)
	}
	others := sortedWithout(s.Owned, "")
	replicas := int64(s.RC.Replicas)
	for _, member := range others {
		replicas += int64(member.Replicas)
	}
	decision := stay(reason)
	switch {
	case replicas < least:
		add := min(int64(s.Desired)-replicas, limits.room(s.RC, others))
		decision.Actions = s.resize(s.RC, s.RC.Replicas+int32(add)) //nolint:gosec // at most desired
	case replicas > most:
		decision.Actions = s.shrink(append([]Member{s.RC}, others...), replicas-most, limits)
	}
	return decision
}

// shrink takes pods from the members, in their order, and leaves minAvailable of those that
// are available. The ReplicationController manager deletes those that are not first.
func (s Snapshot) shrink(members []Member, surplus int64, limits limits) []Action {
	budget := -limits.minAvailable
	for _, member := range members {
		budget += int64(member.available())
	}
	budget = max(0, budget)
	var actions []Action
	for _, member := range members {
		if !member.stable() {
			continue
		}
		unhealthy := int64(member.unhealthy())
		less := min(surplus, int64(member.Replicas), unhealthy+budget)
		budget -= max(0, less-unhealthy)
		surplus -= less
		actions = append(actions, s.resize(member, member.Replicas-int32(less))...) //nolint:gosec // at most the member's
	}
	return actions
}

// resize scales a member, if that changes anything. It is no step: the update period is not about it.
func (s Snapshot) resize(member Member, replicas int32) []Action {
	if replicas == member.Replicas {
		return nil
	}
	action := s.scale(member, replicas)
	action.ScaleUp = false
	return []Action{action}
}

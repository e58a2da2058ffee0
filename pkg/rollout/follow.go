package rollout

// follow scales what waits for the beginning of its rollout to the number of pods that is
// desired meanwhile: users and autoscalers go on where a policy holds rollouts for days, or
// their user does. (The Deployment controller scales paused Deployments, too.)
//
// In the middle of a rollout nothing is scaled: what policies and settings allow it to lack
// may change while it waits, so that nobody could tell a change of the desired number from
// that, and pods of the live template would be created only to be replaced.
func follow(s Snapshot, reason string) Decision {
	decision, size := stay(reason), s.RC.Replicas
	switch {
	case s.Begun():
	case size < s.Desired:
		size += int32(min(int64(s.Desired-size), limitsOf(s).room(s.RC, nil))) //nolint:gosec // at most desired
	case s.RC.stable(): // otherwise neither spec nor status would tell of the pods that are being created
		size = s.Desired
	}
	if size != s.RC.Replicas {
		decision.Actions = []Action{s.scale(s.RC, size)}
	}
	return decision
}

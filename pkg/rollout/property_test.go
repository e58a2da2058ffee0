package rollout_test

import (
	"math"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// The properties of single decisions, for snapshots of which not all can come about. What
// becomes of many decisions in a cluster is for test/sim to find out.

// TestBounds: whichever of the writes of a decision happen, and whatever is behind a
// status, there are no more pods and no fewer available ones than promised, or than there
// were before.
func TestBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkBounds(t, drawn(t, anyMember)) })
}

// TestBoundsOfLargeNumbers: they hold where sums are of more than 32 bits, too.
func TestBoundsOfLargeNumbers(t *testing.T) {
	edge := rapid.SampledFrom([]int32{0, 1, 5, math.MaxInt32 - 1, math.MaxInt32})
	share := rapid.SampledFrom([]string{"1", "1000000", "25%", "100%", "1000%"})
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t, func(t *rapid.T, name string) rollout.Member {
			m := anyMember(t, name)
			m.Replicas, m.Pods = edge.Draw(t, "large replicas"), edge.Draw(t, "large pods")
			m.Available = rapid.SampledFrom([]int32{0, m.Pods}).Draw(t, "all or none")
			return m
		})
		s.Desired, s.Strategy.MaxSurge = edge.Draw(t, "large desired"), intstr.Parse(share.Draw(t, "large surge"))
		checkBounds(t, s)
	})
}

func checkBounds(t *rapid.T, s rollout.Snapshot) {
	maxSurge, maxUnavailable := s.Strategy.Resolve(s.Desired)
	pods, available, desired := potential(s), certain(s), int64(s.Desired)
	for _, action := range decide(s).Actions {
		s = after(s, action)
		if action.Replicas < 0 {
			t.Fatalf("%s %s %d", action.Kind, action.Name, action.Replicas)
		}
		if potential(s) > max(pods, desired+maxSurge) {
			t.Fatalf("%s %s %d: %d pods, were %d, desired %d + %d", action.Kind, action.Name, action.Replicas,
				potential(s), pods, desired, maxSurge)
		}
		if certain(s) < min(available, desired-maxUnavailable) {
			t.Fatalf("%s %s %d: %d available, were %d, desired %d - %d", action.Kind, action.Name, action.Replicas,
				certain(s), available, desired, maxUnavailable)
		}
	}
}

// TestActions: what a decision may do, and to what.
func TestActions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t, anyMember)
		decision := decide(s)
		if decision.Reason == "" {
			t.Fatal("a decision has a reason")
		}
		for _, action := range decision.Actions {
			at := slices.IndexFunc(s.Owned, func(m rollout.Member) bool { return m.UID == action.UID })
			switch action.Kind {
			case rollout.CreateNewRC:
				if action.UID != "" || slices.ContainsFunc(s.Owned, func(m rollout.Member) bool { return m.Name == action.Name }) {
					t.Fatalf("%s is created again", action.Name)
				}
			case rollout.DeleteOwned:
				if m := s.Owned[at]; m.Replicas > 0 || m.Pods > 0 || !m.StatusObserved || m.Deleting {
					t.Fatalf("%+v is deleted", m)
				}
			case rollout.ScaleOwned:
				if m := s.Owned[at]; action.Replicas > m.Replicas && m.Name != s.NewRCName() {
					t.Fatalf("%s goes up from %d to %d, requested is %s", m.Name, m.Replicas, action.Replicas, s.Requested)
				}
			case rollout.SendCommand:
				if action.UID != s.RC.UID || action.Command.Hash != s.Requested {
					t.Fatalf("command %v for %s, requested is %s", action.Command, action.UID, s.Requested)
				}
			}
		}
	})
}

// TestOrder: the order of the owned ReplicationControllers is of no importance.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t, anyMember)
		mirrored := s
		mirrored.Owned = slices.Clone(s.Owned)
		slices.Reverse(mirrored.Owned)
		a, b := decide(s), decide(mirrored)
		if len(a.Actions) != len(b.Actions) || a.Reason != b.Reason {
			t.Fatalf("%+v is not %+v", a, b)
		}
		for i := range a.Actions {
			if a.Actions[i].Kind != b.Actions[i].Kind || a.Actions[i].UID != b.Actions[i].UID || a.Actions[i].Replicas != b.Actions[i].Replicas {
				t.Fatalf("%+v is not %+v", a.Actions[i], b.Actions[i])
			}
		}
	})
}

// TestTermination: where every write is followed by a status that shows it done, each
// decision takes the rollout forward, until it is over and nothing is left of it.
func TestTermination(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawn(t, func(t *rapid.T, name string) rollout.Member {
			return rest(name, rapid.Int32Range(0, 8).Draw(t, "pods"))
		})
		s.Strategy.Paused = false
		requested := s.Requested
		// Each pod takes a step up and one down at most, with steps that it is beyond twice.
		for passes := 2*(potential(s)+int64(s.Desired))*int64(1+min(1, len(s.Strategy.Steps))) + 20 + 10; ; passes-- {
			decision := decide(s)
			if decision.Phase == rollout.PausedAtStep && len(decision.Actions) == 0 && decision.RequeueAfter == 0 {
				s.Approved++ // by its user
				continue
			}
			if passes == 0 || len(decision.Actions) == 0 && decision.RequeueAfter == 0 {
				t.Fatalf("it does not end: %+v\n%+v", s, decision)
			}
			s.Now = s.Now.Add(decision.RequeueAfter)
			for _, action := range decision.Actions {
				if action.Command.Operation == api.Finish {
					checkEnd(t, s, requested)
					return
				}
				s = done(after(s, action))
			}
		}
	})
}

func checkEnd(t *rapid.T, s rollout.Snapshot, requested string) {
	if s.Live != requested || len(s.Owned) > 0 || s.Sealed != "" || s.Adopting != "" {
		t.Fatalf("the end of a rollout to %s: %+v", requested, s)
	}
	if len(s.Conditions) != 1 || s.Conditions[0].Reason != rollout.ReasonComplete {
		t.Fatalf("conditions: %+v", s.Conditions)
	}
}

// drawn is a snapshot of a rollout from v7 to v8, or of a cancel; there may have been one
// to v6 before. The function draws its members.
func drawn(t *rapid.T, member func(t *rapid.T, name string) rollout.Member) rollout.Snapshot {
	share := rapid.SampledFrom([]string{"0", "1", "2", "25%", "100%"})
	s := rollout.Snapshot{
		RC: member(t, "tomcat"), Desired: rapid.Int32Range(0, 8).Draw(t, "desired"),
		Requested: rapid.SampledFrom([]string{"v8", "v7"}).Draw(t, "requested"), Live: "v7",
		Strategy: api.Strategy{
			MaxSurge:         intstr.Parse(share.Draw(t, "surge")),
			MaxUnavailable:   intstr.Parse(share.Draw(t, "unavailable")),
			UpdatePeriod:     rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "period"),
			ProgressDeadline: 10 * time.Minute,
			Paused:           rapid.Bool().Draw(t, "paused"),
			Steps:            parseSteps(t, rapid.SampledFrom(someSteps).Draw(t, "steps")),
		},
		Now: time.Unix(1000, 0), Memory: rollout.Memory{LastScaleUp: time.Unix(1000, 0)},
	}
	s.RC.UID, s.RC.Deleting = "rc", false
	s.Approved = rapid.IntRange(0, len(s.Strategy.Steps)).Draw(t, "approved")
	for _, name := range []string{"tomcat-v8", "tomcat-v6"} {
		if rapid.Bool().Draw(t, name) {
			owned := member(t, name)
			owned.UID = types.UID(name)
			s.Owned = append(s.Owned, owned)
		}
	}
	return s
}

// anyMember is one whose status may say anything.
func anyMember(t *rapid.T, name string) rollout.Member {
	m := rollout.Member{
		Name: name, Replicas: rapid.Int32Range(0, 8).Draw(t, "replicas"), Pods: rapid.Int32Range(0, 9).Draw(t, "pods"),
		StatusObserved: rapid.IntRange(0, 3).Draw(t, "current") > 0, Failing: rapid.IntRange(0, 3).Draw(t, "failing") == 0,
		Deleting: rapid.IntRange(0, 7).Draw(t, "deleting") == 0,
	}
	m.Available = rapid.Int32Range(0, m.Pods).Draw(t, "available")
	return m
}

func members(s rollout.Snapshot) []rollout.Member { return append(slices.Clone(s.Owned), s.RC) }

// potential is the number of pods that there are or will be.
func potential(s rollout.Snapshot) (pods int64) {
	for _, m := range members(s) {
		pods += int64(max(m.Replicas, m.Pods))
	}
	return pods
}

// certain is the number of pods that are available and stay: as many as the status tells
// of, where it is one for the present spec and shows no pod that is yet to go.
func certain(s rollout.Snapshot) (available int64) {
	for _, m := range members(s) {
		if m.StatusObserved && !m.Deleting {
			available += int64(min(m.Available, m.Replicas))
		}
	}
	return available
}

// after is the snapshot when a write has happened, and nothing has come of it.
func after(s rollout.Snapshot, action rollout.Action) rollout.Snapshot {
	s.Owned = slices.Clone(s.Owned)
	at := slices.IndexFunc(s.Owned, func(m rollout.Member) bool { return m.UID == action.UID })
	switch action.Kind {
	case rollout.CreateNewRC:
		s.Owned = append(s.Owned, rollout.Member{Name: action.Name, UID: types.UID(action.Name)})
	case rollout.ScaleOwned:
		s.Owned[at].Replicas = action.Replicas
	case rollout.OrphanPods:
		s.Pods = &rollout.Pods{Orphans: s.Owned[at].Pods}
		s.Owned = slices.Delete(s.Owned, at, at+1)
	case rollout.DeleteOwned:
		s.Owned = slices.Delete(s.Owned, at, at+1)
	case rollout.SetConditions:
		s.Conditions = changed(s.Conditions, action.Conditions)
	case rollout.SendCommand:
		s = carriedOut(s, action.Command)
	}
	return s
}

// carriedOut is what the webhook makes of a command.
func carriedOut(s rollout.Snapshot, command api.Command) rollout.Snapshot {
	switch command.Operation {
	case api.Scale:
		s.RC.Replicas = command.Replicas
	case api.Seal:
		s.Sealed, s.Live, s.RC.Replicas = s.Requested, s.Requested, 0
	case api.Adopt:
		s.Sealed, s.Adopting, s.RC.Replicas = "", s.Sealed, command.Replicas
		s.Pods = &rollout.Pods{OfRC: command.Replicas}
	case api.Open:
		s.Adopting, s.Pods, s.RC.Replicas = "", nil, s.Desired
	case api.Finish:
		s.RC.Replicas = s.Desired
	case api.Approve:
		s.Approved, s.ApprovedAt = command.Step, s.Now
	}
	return s
}

// done is the snapshot when every spec is what there is.
func done(s rollout.Snapshot) rollout.Snapshot {
	for i, m := range s.Owned {
		s.Owned[i] = rest(m.Name, m.Replicas)
		s.Owned[i].UID = m.UID
	}
	s.RC = rest(s.RC.Name, s.RC.Replicas)
	s.RC.UID = "rc"
	return s
}

func changed(conditions []corev1.ReplicationControllerCondition, change rollout.ConditionChange) []corev1.ReplicationControllerCondition {
	kept := slices.DeleteFunc(slices.Clone(conditions), func(have corev1.ReplicationControllerCondition) bool {
		return slices.Contains(change.Remove, have.Type) ||
			slices.ContainsFunc(change.Set, func(set corev1.ReplicationControllerCondition) bool { return set.Type == have.Type })
	})
	return append(kept, change.Set...)
}

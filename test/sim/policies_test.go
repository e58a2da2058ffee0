package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/rollout"
)

var (
	frozen = &v1alpha1.RolloutPolicySpec{Frozen: &v1alpha1.Freeze{Reason: "incident"}}
	denied = &v1alpha1.RolloutPolicySpec{Windows: []v1alpha1.Window{{Kind: v1alpha1.Deny}}, OnClose: v1alpha1.OnCloseHold}
	queued = &v1alpha1.RolloutPolicySpec{MaxConcurrentRollouts: ptr.To[int32](1)}
)

// TestNoPolicyHoldsARescue: wherever a rollout is when it is frozen, or its window closes, a
// cancel takes it back, and a promotion that has begun ends.
func TestNoPolicyHoldsARescue(t *testing.T) {
	for name, spec := range map[string]*v1alpha1.RolloutPolicySpec{"frozen": frozen, "denied": denied} {
		for passes := range 16 {
			t.Run(fmt.Sprintf("%s after %d passes", name, passes), func(t *testing.T) {
				d := drive(t, 3)
				d.request("tomcat:8")
				d.passes(passes)
				d.policies.put(spec)
				d.passes(2)
				if !d.pending() {
					return
				}
				d.user(action{kind: cancelRequest})
				d.run(60)
				assert.Len(t, d.rcs, 1)
			})
		}
	}
}

// TestFreezeStopsTheClock: what is frozen takes no step and does not fail, and has all of its
// time when it goes on.
func TestFreezeStopsTheClock(t *testing.T) {
	d := stuck(t, cannotPull("not found"))
	d.wait(deadline / 2)
	d.policies.put(frozen)
	d.pass()
	assert.Contains(t, d.condition(progressing), "Unknown "+rollout.ReasonFrozen)
	assert.Zero(t, d.wait(2*deadline))
	d.policies.put(nil)
	d.pass()
	d.wait(deadline - inspection)
	assert.Contains(t, d.condition(progressing), updated)
	d.wait(inspection)
	assert.Contains(t, d.condition(progressing), deadlineExceeded)
}

// TestWindowOpens: nothing but the time makes the rollout begin.
func TestWindowOpens(t *testing.T) {
	d := drive(t, 3)
	from, until := metav1.NewTime(epoch), metav1.NewTime(epoch.Add(d.now+time.Hour))
	d.policies.put(&v1alpha1.RolloutPolicySpec{Windows: []v1alpha1.Window{{Kind: v1alpha1.Deny, From: &from, Until: &until}}})
	d.request("tomcat:8")
	d.pass()
	assert.Contains(t, d.condition(progressing), "Unknown "+rollout.ReasonOutsideWindow)
	d.run(60)
	assert.Equal(t, "tomcat:8", d.rcs[tomcat].image)
}

// TestPoliciesComeAndGo: policies change between any two passes, the agent is killed at any
// write, and users change their minds: all properties hold (the driver checks them), and when
// no policy is left the rollout ends.
func TestPoliciesComeAndGo(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 17))
			d := drive(t, 1+random.Int64N(4), "max-unavailable=1")
			d.crashAt = random.IntN(20)
			for range 30 {
				switch random.IntN(8) {
				case 0:
					d.policies.put(frozen)
				case 1:
					d.policies.put(denied)
				case 2:
					d.policies.put(queued)
				case 3, 4:
					d.policies.put(nil)
				case 5:
					d.request([]string{"tomcat:8", "tomcat:9", "tomcat:7"}[random.IntN(3)])
				case 6:
					if d.pending() {
						d.user(action{kind: cancelRequest})
					}
				}
				d.pass()
			}
			d.policies.put(nil)
			d.pass()
			d.run(100)
		})
	}
}

package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/rollout"
)

const (
	progressing = string(rollout.Progressing)
	reconciling = string(rollout.Reconciling)
	stalled     = string(rollout.Stalled)

	updated          = "True " + rollout.ReasonUpdated + ": "
	deadlineExceeded = "False " + rollout.ReasonDeadlineExceeded + ": "
	rolledBack       = "False " + rollout.ReasonRolledBack + ": tomcat was rolled back. "
	complete         = "True " + rollout.ReasonComplete + ": tomcat has the requested template"

	// replacing is how the message of a rollout begins.
	replacing = "Replacing the pods of tomcat by those of tomcat-v8"

	notFound = "ImagePullBackOff: container tomcat cannot pull image tomcat:8: not found (pod tomcat-v8-p1)"

	// deadline is the default.
	deadline = 10 * time.Minute

	// inspection is more than the time after which the agent first looks at pods.
	inspection = 10 * time.Second
)

// slow is a defect of which the status tells nothing.
var slow = &defect{}

// stuck is a rollout of 5 pods whose first new one does not become available, when the
// agent has done what it can.
func stuck(t *testing.T, why *defect, settings ...string) *driver {
	d := drive(t, 5, settings...)
	d.setDefect("tomcat:8", why)
	d.request("tomcat:8")
	d.passes(6)
	require.EqualValues(t, 1, d.owned("tomcat:8").replicas)
	return d
}

// last is the event that came last.
func (d *driver) last() string {
	told := d.told()
	return told[len(told)-1]
}

// turnover is how many pods were created, and how many deleted.
func (d *driver) turnover() []int { return []int{d.check.created, d.check.deleted} }

func TestWhyPodsAreNotAvailableIsToldAtOnce(t *testing.T) {
	d := stuck(t, cannotPull("not found"))
	assert.Equal(t, 1, d.wait(inspection))
	const message = replacing + ": " + notFound
	assert.Equal(t, updated+message, d.condition(progressing))
	assert.Equal(t, "True ImagePullBackOff: "+message, d.condition(reconciling))
	assert.Empty(t, d.condition(stalled))
	assert.Equal(t, message, d.last())

	d.setDefect("tomcat:8", cannotPull("timeout"))
	assert.Zero(t, d.wait(2*time.Minute), "another detail is not worth a write")
	d.setDefect("tomcat:8", exits(137))
	d.wait(time.Minute)
	assert.Contains(t, d.condition(progressing), "exited with code 137")
	d.setDefect("tomcat:8", exits(1))
	d.wait(time.Minute)
	assert.Regexp(t, `exited with code 1\b`, d.condition(progressing), "that 1 is no 137")
}

func TestSlownessIsNotToldBeforeTheDeadline(t *testing.T) {
	d := stuck(t, slow)
	d.wait(deadline - inspection)
	assert.Equal(t, updated+replacing, d.condition(progressing))
	d.wait(inspection)
	assert.Equal(t, deadlineExceeded+replacing+": no progress for 10m0s: NotReady: pods do not become ready: (pod tomcat-v8-p1)",
		d.condition(progressing))
}

func TestHold(t *testing.T) {
	d := stuck(t, cannotPull("not found"))
	assert.Equal(t, 1, d.wait(inspection), "why is told")
	assert.Zero(t, d.wait(deadline-2*inspection), "the clock runs from the last step")
	assert.Equal(t, 1, d.wait(inspection))

	const message = replacing + ": no progress for 10m0s: " + notFound
	assert.Equal(t, deadlineExceeded+message, d.condition(progressing))
	assert.Equal(t, "True ImagePullBackOff: "+message, d.condition(stalled))
	assert.Empty(t, d.condition(reconciling))
	assert.Equal(t, message, d.last())
	assert.EqualValues(t, 5, d.rcs[tomcat].replicas)
	assert.Zero(t, d.wait(time.Hour), "told once")

	d.setDefect("tomcat:8", nil)
	d.pass()
	assert.Equal(t, updated+replacing, d.condition(progressing))
	assert.Empty(t, d.condition(stalled))
	d.run(100)
	assert.Equal(t, "tomcat:8", d.rcs[tomcat].image)
	assert.Equal(t, []int{5, 5}, d.turnover())
}

func TestRollback(t *testing.T) {
	d := stuck(t, cannotPull("not found"), "on-failure=rollback")
	d.wait(deadline - inspection)
	require.Zero(t, d.check.rolledBack)
	d.now += inspection
	d.pass()
	require.Equal(t, 1, d.check.rolledBack)
	failed := d.condition(stalled)
	assert.Equal(t, "True "+rollout.ReasonRollingBack+": "+replacing+": no progress for 10m0s: "+notFound, failed)
	d.run(100)
	assert.Equal(t, "tomcat:7", d.rcs[tomcat].image)
	assert.Equal(t, []int{1, 1}, d.turnover())
	assert.Equal(t, rolledBack+strings.TrimPrefix(failed, "True "+rollout.ReasonRollingBack+": "), d.condition(progressing))
	assert.Empty(t, d.condition(reconciling))
	assert.Empty(t, d.condition(stalled))
	assert.Contains(t, d.told(), "Rolling back tomcat. Scaling up tomcat from 5 to 5, scaling down tomcat-v8 from 1 to 0 (keep 5 pods available, don't exceed 6 pods)")
}

// TestRollbackKilledAtEveryWrite: whenever the agent is killed, it still knows at the
// end why it rolled back.
func TestRollbackKilledAtEveryWrite(t *testing.T) {
	for crash := range 12 {
		t.Run(fmt.Sprint(crash), func(t *testing.T) {
			d := stuck(t, cannotPull("not found"), "on-failure=rollback")
			d.writes, d.crashAt = 0, crash
			d.wait(deadline)
			d.run(100)
			assert.Equal(t, 1, d.check.rolledBack)
			assert.Equal(t, "tomcat:7", d.rcs[tomcat].image)
			assert.Contains(t, d.condition(progressing), rolledBack+replacing)
		})
	}
}

func TestRollbackOfAHeldRollout(t *testing.T) {
	d := stuck(t, cannotPull("not found"))
	d.wait(deadline)
	d.set("on-failure", "rollback")
	d.run(100)
	assert.Equal(t, "tomcat:7", d.rcs[tomcat].image)
	assert.Contains(t, d.condition(progressing), rolledBack)
}

// TestCancelOfAHeldRollout: who cancels gets what they asked for, and it has succeeded.
func TestCancelOfAHeldRollout(t *testing.T) {
	d := stuck(t, cannotPull("not found"))
	d.wait(deadline)
	d.user(action{kind: cancelRequest})
	d.run(100)
	assert.Equal(t, "tomcat:7", d.rcs[tomcat].image)
	assert.Equal(t, complete, d.condition(progressing))
}

// TestPauseStopsTheClock: a rollout that is paused does not fail, and has all of its
// time when it goes on.
func TestPauseStopsTheClock(t *testing.T) {
	d := stuck(t, cannotPull("not found"))
	d.wait(deadline / 2)
	d.set("paused", "true")
	d.pass()
	assert.Contains(t, d.condition(progressing), "Unknown "+rollout.ReasonPaused)
	assert.Zero(t, d.wait(2*deadline))
	d.set("paused", "")
	d.pass()
	d.wait(deadline - inspection)
	assert.Contains(t, d.condition(progressing), updated)
	d.wait(inspection)
	assert.Contains(t, d.condition(progressing), deadlineExceeded)
}

// TestNeitherTemplateWorks: a rollback ends though its pods are no better, and takes
// none of those away that might become so.
func TestNeitherTemplateWorks(t *testing.T) {
	for name, cancel := range map[string]func(*driver){
		"for a failure": func(d *driver) { d.set("on-failure", "rollback") },
		"on request":    func(d *driver) { d.user(action{kind: cancelRequest}) },
	} {
		t.Run(name, func(t *testing.T) {
			d := drive(t, 5)
			d.breakPods("tomcat:7", cannotPull("not found"))
			d.setDefect("tomcat:8", cannotPull("not found"))
			d.request("tomcat:8")
			d.passes(6)
			cancel(d)
			for range 20 {
				d.pass()
				d.wait(time.Minute)
			}
			assert.False(t, d.pending())
			assert.Len(t, d.rcs, 1)
			assert.Len(t, d.pods, 5)
			assert.Equal(t, []int{1, 1}, d.turnover())
		})
	}
}

// TestALaterEditSupersedes: at every moment of a rollout that fails, and is rolled
// back, another template can be asked for and is rolled out.
func TestALaterEditSupersedes(t *testing.T) {
	for _, onFailure := range []string{"hold", "rollback"} {
		for after := range 14 {
			t.Run(fmt.Sprint(onFailure, after), func(t *testing.T) {
				d := drive(t, 5, "on-failure="+onFailure)
				d.setDefect("tomcat:8", cannotPull("not found"))
				d.request("tomcat:8")
				for range after {
					d.pass()
					d.wait(2 * time.Minute)
				}
				d.request("tomcat:9")
				d.run(100)
				assert.Equal(t, "tomcat:9", d.rcs[tomcat].image)
				assert.Contains(t, d.condition(progressing), complete)
			})
		}
	}
}

// TestRestartOfAHeldRollout: until the agent has looked at the pods it does not know
// better than what it told before.
func TestRestartOfAHeldRollout(t *testing.T) {
	d := stuck(t, cannotPull("not found"))
	d.wait(deadline)
	require.Contains(t, d.condition(progressing), deadlineExceeded)
	before := d.rcs[tomcat].object["status"]
	d.killAgent(0)
	d.startOne()
	assert.Zero(t, d.pass(), "it has not looked at the pods yet")
	assert.Zero(t, d.wait(time.Minute), "it has")
	assert.Equal(t, before, d.rcs[tomcat].object["status"])
}

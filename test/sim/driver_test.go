package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

// driver takes a world forward one pass of the agent at a time. Between two passes
// everything else comes to rest: caches, kube-controller-manager, kubelets.
type driver struct {
	*World
	t *testing.T

	// writes are those of the agent so far. With crashAt set the agent is killed right
	// after that one, and another one takes over.
	writes, crashAt int
}

// drive begins with so many pods of tomcat:7, settings in the form key=value, and one
// agent.
func drive(t *testing.T, replicas int64, settings ...string) *driver {
	annotations := map[string]string{}
	for _, setting := range settings {
		key, value, _ := strings.Cut(setting, "=")
		annotations[api.Prefix+key] = value
	}
	d := &driver{World: settled(replicas, annotations), t: t}
	d.users.want = want{image: "tomcat:7", replicas: replicas}
	d.startOne()
	return d
}

// startOne starts an agent whose cache is up to date.
func (d *driver) startOne() { d.startAgent(newProcess(d.now, d.policies), len(d.rcHistory)) }

// request has a user ask for an image, also for the live one.
func (d *driver) request(image string) {
	d.user(action{kind: replaceAll, image: image, replicas: d.users.want.replicas})
	require.Equal(d.t, image, d.users.want.image)
}

func (d *driver) user(does action) {
	d.users.script = append(d.users.script, does)
	d.take(step{kind: userActs})
}

// scaleTo has a user ask for a number of pods.
func (d *driver) scaleTo(replicas int64) {
	d.user(action{kind: scaleSubresource, replicas: replicas})
	require.Equal(d.t, replicas, d.users.want.replicas)
}

func (d *driver) set(key, value string) {
	d.user(action{kind: annotate, key: api.Prefix + key, value: value})
}

// pass is one pass of the agent, whether anything makes it look or not. It returns the
// number of its writes.
func (d *driver) pass() int { return d.passUnless(func(step) bool { return false }) }

// passUnless is a pass around which some steps of others are withheld.
func (d *driver) passUnless(withheld func(step) bool) int {
	before := d.writes
	d.now += retryDelay
	d.restUnless(withheld)
	d.agents[0].queued = true
	d.take(step{kind: agentBegins})
	for d.agents[0].call != nil {
		if d.agents[0].call.writes() {
			d.writes++
			if d.writes == d.crashAt {
				d.take(step{kind: agentCalls, fault: killAfter})
				d.startOne()
				break
			}
		}
		d.take(step{kind: agentCalls, fault: noFault})
	}
	d.restUnless(withheld)
	return d.writes - before
}

func (d *driver) passes(n int) {
	for range n {
		d.pass()
	}
}

// rest lets everything happen that happens by itself.
func (d *driver) rest() { d.restUnless(func(step) bool { return false }) }

func (d *driver) restUnless(withheld func(step) bool) {
	for {
		steps := d.enabled(nil)
		at := slices.IndexFunc(steps, func(s step) bool {
			return s.kind != agentBegins && s.kind != agentCalls && s.kind != agentStarts && !withheld(s)
		})
		if at < 0 {
			break
		}
		d.take(steps[at])
	}
	require.Empty(d.t, d.check.failure)
}

// run passes until the rollout is over, and returns how many passes wrote something.
// Where the agent waits for a time, it comes.
func (d *driver) run(limit int) (busy int) {
	for range limit {
		if !d.pending() {
			break
		}
		if d.pass() > 0 {
			busy++
		} else if a := d.agents[0]; a.waiting {
			d.now = max(d.now, a.due)
		}
	}
	require.False(d.t, d.pending(), "it is over: %s", d.World)
	require.Empty(d.t, d.unfinished())
	return busy
}

// wait lets time pass, in which the agent does what it would do by then. It returns the
// number of its writes.
func (d *driver) wait(period time.Duration) int {
	writes, until := d.writes, d.now+period
	for a := d.agents[0]; a.waiting && a.due <= until; a = d.agents[0] {
		d.now = max(d.now, a.due)
		d.pass()
	}
	d.now = max(d.now, until)
	return d.writes - writes
}

func (d *driver) pending() bool { return d.rcs[tomcat].bounds.pending }

// owned is the ReplicationController for an image; nil if there is none.
func (d *driver) owned(image string) *RC { return d.rcs[api.NewRCName(tomcat, hashOf(image))] }

func hashOf(image string) string {
	return api.SpecOf(&unstructured.Unstructured{Object: manifest(image, 1)}).Hash(api.DefaultHashLabelKey)
}

// named writes tomcat-v8 for the ReplicationController of tomcat:8.
func named(text string) string {
	for _, version := range []string{"7", "8", "9"} {
		text = strings.ReplaceAll(text, hashOf("tomcat:"+version), "v"+version)
	}
	return text
}

// told are the events so far.
func (d *driver) told() []string {
	told := make([]string, len(d.events))
	for i, event := range d.events {
		told[i] = named(event)
	}
	return told
}

// condition is "status reason: message", empty if it is not there.
func (d *driver) condition(kind string) string {
	status, _ := d.rcs[tomcat].object["status"].(map[string]any)
	conditions, _ := status["conditions"].([]any)
	for _, item := range conditions {
		if c := item.(map[string]any); c["type"] == kind {
			return named(c["status"].(string) + " " + c["reason"].(string) + ": " + c["message"].(string))
		}
	}
	return ""
}

package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/observe"
)

// The tests of this file stop processes that others need: none of them is parallel.

const (
	agent             = "agent"
	controllerManager = "kube-controller-manager"
)

// stages are moments of a rollout to tomcat:8, in the order in which they come.
var stages = []struct {
	name    string
	reached func(observe.Moment) bool
}{
	{"requested", pending},
	{"created", func(m observe.Moment) bool { return len(m.Next()) == 1 }},
	{"first pod", func(m observe.Moment) bool { return len(m.WithImage("tomcat:8")) == 1 }},
	{"halfway", progressed("tomcat:8", 2)},
	{"sealed", isSealed},
	{"orphaned", func(m observe.Moment) bool { return isSealed(m) && len(m.Others) == 0 }},
	{"adopting", isAdopting},
}

// isAdopting holds while a promotion gives pods back to the ReplicationController.
func isAdopting(m observe.Moment) bool {
	return m.RC != nil && m.RC.Spec.Template.Labels[api.AdoptingLabel] != ""
}

// killAt kills a component at the first moment of which reached is true: in the same
// instant, before anybody waits for it. edit is what leads to that moment.
func (s *scenario) killAt(component string, reached func(observe.Moment) bool, edit func()) {
	s.Helper()
	s.restartAfter(component)
	ctx, cancel := context.WithTimeout(testContext(s.T), patience)
	defer cancel()
	killed := make(chan error, 1)
	go func() {
		var failed error
		_, err := s.Await(ctx, "it is time to kill "+component, func(m observe.Moment) bool {
			if !reached(m) {
				return false
			}
			failed = cluster.kill(component)
			return true
		})
		killed <- errors.Join(err, failed)
	}()
	edit()
	require.NoError(s, <-killed)
	s.Logf("without %s: %s", component, s.Now())
}

// restartAfter makes sure that a component runs again for the next test.
func (s *scenario) restartAfter(component string) {
	s.Cleanup(func() { assert.NoError(s, cluster.run("start", component)) })
}

func (s *scenario) start(component string) {
	s.Helper()
	require.NoError(s, cluster.run("start", component))
}

// The agent may die at any moment: the next one goes on from there.
func TestAgentKilled(t *testing.T) {
	for _, stage := range stages {
		t.Run(stage.name, func(t *testing.T) { survives(t, agent, stage.reached) })
	}
}

// survives kills a component at a moment of a rollout, and starts it again.
func survives(t *testing.T, component string, moment func(observe.Moment) bool) {
	s := given(t, tomcat(t))
	s.killAt(component, moment, func() { s.setImage("tomcat=tomcat:8") })
	s.start(component)
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

// kubernetes#9045: an update to one image that was interrupted, asked again for
// another one, went to the first and said that all was well.
func TestRetargetWhileAgentIsDown(t *testing.T) {
	s := given(t, tomcat(t))
	s.killAt(agent, progressed("tomcat:8", 2), func() { s.setImage("tomcat=tomcat:8") })
	s.setImage("tomcat=tomcat:9")
	s.start(agent)
	s.rolledOut("tomcat:9", 5)
	s.keeps(anyTurnover(5))
}

// A cancel that comes while nobody is there to see it.
func TestCancelWhileAgentIsDown(t *testing.T) {
	m := tomcat(t)
	s := given(t, m)
	s.killAt(agent, progressed("tomcat:8", 2), func() { s.setImage("tomcat=tomcat:8") })
	s.apply(m)
	s.start(agent)
	s.rolledBack("tomcat:7", 5)
	s.keeps(anyTurnover(5))
}

// An edit in the middle of a promotion waits until that is over.
func TestRetargetWhileSealed(t *testing.T) {
	s := given(t, tomcat(t))
	s.killAt(agent, isSealed, func() { s.setImage("tomcat=tomcat:8") })
	s.setImage("tomcat=tomcat:7")
	s.start(agent)
	s.rolledOut("tomcat:7", 5)
	bounds := surge1(5)
	bounds.Created, bounds.Deleted = 10, 10
	s.keeps(bounds)
}

// The controller manager that comes back around a promotion has an empty cache: it
// must neither create pods in place of those that it does not see yet, nor delete
// any.
func TestControllerManagerKilledDuringPromotion(t *testing.T) {
	for _, stage := range stages[len(stages)-3:] {
		t.Run(stage.name, func(t *testing.T) { survives(t, controllerManager, stage.reached) })
	}
}

// Many promotions at about the same time, on a machine that has more to do than it
// can: whatever is late, no pod is created or deleted for nothing.
func TestPromotionsUnderLoad(t *testing.T) {
	const rollouts = 8
	scenarios := make([]*scenario, rollouts)
	for i := range scenarios {
		scenarios[i] = given(t, tomcat(t, annotated(api.MaxSurgeAnnotation, "100%")))
	}
	for _, s := range scenarios {
		s.setImage("tomcat=tomcat:8")
	}
	scenarios[0].restartAfter(controllerManager)
	scenarios[rollouts-1].await("a promotion is under way", isSealed) // the first may be over already
	require.NoError(t, cluster.run("restart", controllerManager, "--signal", "KILL"))
	for _, s := range scenarios {
		s.rolledOut("tomcat:8", 5)
		s.keeps(observe.Bounds{MinAvailable: 5, MaxPods: 10, Created: 5, Deleted: 5})
	}
}

// Without the webhook no edit gets past it: it is refused, and works again later.
func TestWebhookDown(t *testing.T) {
	s := given(t, tomcat(t))
	s.restartAfter(webhook)
	require.NoError(t, cluster.run("stop", webhook))
	s.leavesNoTrace(func() { s.refused("failed calling webhook", "set", "image", "rc/tomcat", "tomcat=tomcat:8") })
	s.start(webhook)
	require.Eventually(t, func() bool {
		return s.try("", "set", "image", "rc/tomcat", "tomcat=tomcat:8").exitCode == 0
	}, patience, time.Second)
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

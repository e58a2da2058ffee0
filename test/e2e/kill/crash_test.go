package kill

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// The tests of this file stop processes that others need: none of them is parallel.

// stages are moments of a rollout to tomcat:8, in the order in which they come.
var stages = []struct {
	name    string
	reached func(observe.Moment) bool
}{
	{"requested", harness.Pending},
	{"created", func(m observe.Moment) bool { return len(m.Owned()) == 1 }},
	{"first pod", func(m observe.Moment) bool { return len(m.WithImage("tomcat:8")) == 1 }},
	{"halfway", harness.Available("tomcat:8", 2)},
	{"sealed", harness.Sealed},
	{"orphaned", func(m observe.Moment) bool { return harness.Sealed(m) && len(m.Others) == 0 }},
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
	ctx, cancel := context.WithTimeout(harness.Context(s.T), harness.Patience)
	defer cancel()
	killed := make(chan error, 1)
	go func() {
		var failed error
		_, err := s.Observer.Await(ctx, "it is time to kill "+component, func(m observe.Moment) bool {
			if !reached(m) {
				return false
			}
			failed = s.Cluster.Kill(component)
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
	s.Cleanup(func() { assert.NoError(s, s.Cluster.Run("start", component)) })
}

func (s *scenario) start(component string) {
	s.Helper()
	require.NoError(s, s.Cluster.Run("start", component))
}

// The agent may die at any moment: the next one goes on from there.
func TestAgentKilled(t *testing.T) {
	for _, stage := range stages {
		t.Run(stage.name, func(t *testing.T) { survives(t, harness.Agent, stage.reached) })
	}
}

// survives kills a component at a moment of a rollout, and starts it again.
func survives(t *testing.T, component string, moment func(observe.Moment) bool) {
	s := given(t)
	s.killAt(component, moment, func() { s.SetImage("tomcat=tomcat:8") })
	s.start(component)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// kubernetes#9045: an update to one image that was interrupted, asked again for
// another one, went to the first and said that all was well.
func TestRetargetWhileAgentIsDown(t *testing.T) {
	s := given(t)
	s.killAt(harness.Agent, harness.Available("tomcat:8", 2), func() { s.SetImage("tomcat=tomcat:8") })
	s.SetImage("tomcat=tomcat:9")
	s.start(harness.Agent)
	s.AwaitRollout("tomcat:9", 5)
	s.Expect(harness.AnyTurnover(5))
}

// A cancel that comes while nobody is there to see it.
func TestCancelWhileAgentIsDown(t *testing.T) {
	s := given(t)
	s.killAt(harness.Agent, harness.Available("tomcat:8", 2), func() { s.SetImage("tomcat=tomcat:8") })
	s.Apply(manifest.Tomcat(t))
	s.start(harness.Agent)
	s.AwaitRollback("tomcat:7", 5)
	s.Expect(harness.AnyTurnover(5))
}

// An edit in the middle of a promotion waits until that is over.
func TestRetargetWhileSealed(t *testing.T) {
	s := given(t)
	s.killAt(harness.Agent, harness.Sealed, func() { s.SetImage("tomcat=tomcat:8") })
	s.SetImage("tomcat=tomcat:7")
	s.start(harness.Agent)
	s.AwaitRollout("tomcat:7", 5)
	bounds := harness.SurgeOne(5)
	bounds.Created, bounds.Deleted = 10, 10
	s.Expect(bounds)
}

// The controller manager that comes back around a promotion has an empty cache: it
// must neither create pods in place of those that it does not see yet, nor delete
// any.
func TestControllerManagerKilledDuringPromotion(t *testing.T) {
	for _, stage := range stages[len(stages)-3:] {
		t.Run(stage.name, func(t *testing.T) { survives(t, harness.ControllerManager, stage.reached) })
	}
}

// Many promotions at about the same time, on a machine that has more to do than it
// can: whatever is late, no pod is created or deleted for nothing.
func TestPromotionsUnderLoad(t *testing.T) {
	const rollouts = 8
	scenarios := make([]*scenario, rollouts)
	for i := range scenarios {
		scenarios[i] = given(t, manifest.Annotated(api.MaxSurgeAnnotation, "100%"))
	}
	for _, s := range scenarios {
		s.SetImage("tomcat=tomcat:8")
	}
	scenarios[0].restartAfter(harness.ControllerManager)
	scenarios[rollouts-1].Await("a promotion is under way", harness.Sealed) // the first may be over already
	require.NoError(t, harness.Cluster(t).Run("restart", harness.ControllerManager, "--signal", "KILL"))
	for _, s := range scenarios {
		s.AwaitRollout("tomcat:8", 5)
		s.Expect(observe.Bounds{MinAvailable: 5, MaxPods: 10, Created: 5, Deleted: 5})
	}
}

// Without the webhook no edit gets past it: it is refused, and works again later.
func TestWebhookDown(t *testing.T) {
	s := given(t)
	s.restartAfter(harness.Webhook)
	require.NoError(t, s.Cluster.Run("stop", harness.Webhook))
	s.ExpectUnchanged(func() { s.ExpectRefused("failed calling webhook", "set", "image", "rc/tomcat", "tomcat=tomcat:8") })
	s.start(harness.Webhook)
	require.Eventually(t, func() bool {
		return s.TryKubectl("", "set", "image", "rc/tomcat", "tomcat=tomcat:8").ExitCode == 0
	}, harness.Patience, time.Second)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// An agent that is restarted does not begin to count anew: what has failed has failed.
func TestFailureSurvivesARestartOfTheAgent(t *testing.T) {
	s := given(t, manifest.Annotated(api.ProgressDeadlineAnnotation, "6s"))
	s.SetImage("tomcat=tomcat:bad")
	failed := s.AwaitFailure("ImagePullBackOff")
	require.NoError(t, s.Cluster.Run("restart", harness.Agent))
	s.Kubectl("annotate", s.Ref(), api.OnFailureAnnotation+"="+string(api.Rollback))
	s.AwaitFailedRollback("tomcat:7", 5, "ImagePullBackOff: container tomcat cannot pull image tomcat:bad")
	for _, moment := range s.Result().Moments {
		if moment.At.After(failed.At) {
			assert.Equal(t, corev1.ConditionFalse, harness.Condition(moment.RC, rollout.Progressing).Status, moment)
		}
	}
}

// A promotion that does not go on fails at the deadline like any rollout, and says what
// it waits for.
func TestPromotionHeldUp(t *testing.T) {
	s := given(t, manifest.Annotated(api.ProgressDeadlineAnnotation, "5s"))
	s.killAt(harness.ControllerManager, harness.Sealed, func() { s.SetImage("tomcat=tomcat:8") })
	failed := s.AwaitFailure(rollout.ReasonWaiting, "no progress for 5s", "tomcat")
	assert.Equal(t, 5, failed.Available())
	s.start(harness.ControllerManager)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// An autoscaler that looks in the middle of a promotion, when the ReplicationController has
// no replicas, scales nothing, says so, and goes on at its next look.
func TestAutoscalerLooksAtPromotion(t *testing.T) {
	s := given(t)
	s.killAt(harness.Agent, harness.Sealed, func() { s.SetImage("tomcat=tomcat:8") })
	s.Kubectl("autoscale", s.Ref(), "--min=5", "--max=8", "--cpu=80%")
	awaitScaling := func(reason string) {
		autoscalers := s.Cluster.Client.AutoscalingV2().HorizontalPodAutoscalers(s.Namespace)
		require.Eventually(t, func() bool {
			hpa, err := autoscalers.Get(t.Context(), s.RCName, metav1.GetOptions{})
			return err == nil && slices.ContainsFunc(hpa.Status.Conditions, func(c autoscalingv2.HorizontalPodAutoscalerCondition) bool {
				return c.Type == autoscalingv2.ScalingActive && c.Reason == reason
			})
		}, 2*harness.Patience, 100*time.Millisecond, reason)
	}
	awaitScaling("ScalingDisabled")
	s.start(harness.Agent)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
	awaitScaling("FailedGetResourceMetric") // there are no metrics in this cluster
	assert.EqualValues(t, 5, *s.Stored().Spec.Replicas)
}

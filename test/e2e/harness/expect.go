package harness

import (
	"context"
	"fmt"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/observe"
)

// Await returns the first moment from now on of which holds is true.
func (s *Scenario) Await(what string, holds func(observe.Moment) bool) observe.Moment {
	s.Helper()
	ctx, cancel := context.WithTimeout(Context(s.T), Patience)
	defer cancel()
	moment, err := s.Observer.Await(ctx, what, holds)
	require.NoError(s, err)
	return moment
}

// AwaitEvent returns once an event with that text in it is recorded on the
// ReplicationController.
func (s *Scenario) AwaitEvent(text string) {
	s.Helper()
	s.Await(fmt.Sprintf("an event says %q", text), func(m observe.Moment) bool {
		return strings.Contains(strings.Join(m.Messages(), "\n"), text)
	})
}

// AwaitHalfway waits until two pods of the image are available.
func (s *Scenario) AwaitHalfway(image string) observe.Moment {
	s.Helper()
	return s.Await("two pods of "+image+" are available", Available(image, 2))
}

// AwaitRollout waits for the end of a rollout to n pods of an image, and checks what
// it leaves behind.
func (s *Scenario) AwaitRollout(image string, n int) observe.Moment {
	s.Helper()
	end := s.Await(fmt.Sprintf("%d pods of %s serve and nothing else is left", n, image), Serves(image, n))
	rc := end.RC
	hash := rc.Spec.Selector[api.DefaultHashLabelKey]
	assert.True(s, api.IsHash(hash), "selector %v", rc.Spec.Selector)
	assert.Equal(s, hash, rc.Spec.Template.Labels[api.DefaultHashLabelKey])
	s.expectComplete(rc)
	return end
}

// AwaitRollback waits for the end of a rollout that was cancelled, and checks that no
// pod was replaced that the ReplicationController still kept when it was.
func (s *Scenario) AwaitRollback(image string, n int) {
	s.Helper()
	end := s.Await(fmt.Sprintf("%d pods of %s serve again and nothing else is left", n, image), Serves(image, n))
	s.expectComplete(end.RC)
	for _, violation := range s.Result().CheckCancel() {
		s.Errorf("%v", violation)
	}
	result := s.Result()
	assert.Len(s, result.Deleted(), len(result.Created()), "as many pods deleted as created")
}

// expectComplete checks the conditions of a rollout that is over.
func (s *Scenario) expectComplete(rc *observe.RC) {
	s.Helper()
	progressing := Condition(rc, rollout.Progressing)
	require.NotNil(s, progressing)
	assert.Equal(s, corev1.ConditionTrue, progressing.Status)
	assert.Equal(s, rollout.ReasonComplete, progressing.Reason)
	assert.Nil(s, Condition(rc, rollout.Reconciling))
	assert.Nil(s, Condition(rc, rollout.Stalled))
}

// Expect fails the test unless the promises were kept since the measurement began.
func (s *Scenario) Expect(bounds observe.Bounds) {
	s.Helper()
	for _, violation := range s.Result().Check(bounds) {
		s.Errorf("%v", violation)
	}
}

// SurgeOne are the promises of a rollout of n pods with the default strategy.
func SurgeOne(n int) observe.Bounds {
	return observe.Bounds{MinAvailable: n, MaxPods: n + 1, Created: n, Deleted: n}
}

// AnyTurnover are the promises of several rollouts, some of which were cut short.
func AnyTurnover(n int) observe.Bounds {
	return observe.Bounds{MinAvailable: n, MaxPods: n + 1, Created: observe.Any, Deleted: observe.Any}
}

// ExpectUnchanged fails the test if there are other ReplicationControllers or pods after
// f, or any has another spec or metadata. Statuses may still be written.
func (s *Scenario) ExpectUnchanged(f func()) {
	s.Helper()
	list := func() string {
		return s.Kubectl("get", "rc,pods", "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata['uid','generation','labels','annotations','ownerReferences']}{"\n"}{end}`).Stdout
	}
	before := list()
	f()
	assert.Equal(s, before, list())
}

// ExpectRefused runs a kubectl that has to fail, with that in what it says.
func (s *Scenario) ExpectRefused(says string, args ...string) {
	s.Helper()
	out := s.TryKubectl("", args...)
	require.NotZero(s, out.ExitCode, "kubectl %s was not refused: %s%s", strings.Join(args, " "), out.Stdout, out.Stderr)
	require.Contains(s, out.Stderr, says)
}

// Pause pauses the rollout, and returns when the agent has told so and does nothing any
// more, with so many owned ReplicationControllers there.
func (s *Scenario) Pause(owned int) {
	s.Helper()
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"=true")
	s.AwaitPause(owned)
}

// AwaitPause is the second half of Pause.
func (s *Scenario) AwaitPause(owned int) {
	s.Helper()
	s.Await("the rollout is paused", func(m observe.Moment) bool {
		progressing := Condition(m.RC, rollout.Progressing)
		return progressing != nil && progressing.Reason == rollout.ReasonPaused && len(m.Owned()) == owned
	})
}

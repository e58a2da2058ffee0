package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/test/observe"
)

const (
	// patience is the time after which something that is awaited counts as never
	// happening. It is no measure of how long anything should take.
	patience = 3 * time.Minute

	// momentsShown are the last ones of a failed test.
	momentsShown = 80
)

// scenario is one ReplicationController in a namespace of its own, observed from
// before the first edit to the end of the test.
type scenario struct {
	*testing.T
	*observe.Observer
	namespace, name string

	// editor is the user at kubectl edit; empty for the usual one.
	editor string
}

// given makes a ReplicationController as kubectl apply does, and begins to measure
// once all its pods serve.
func given(t *testing.T, m manifest, applyFlags ...string) *scenario {
	t.Helper()
	s := observed(t, m.name())
	s.apply(m, applyFlags...)
	s.await(fmt.Sprintf("%d pods serve", m.replicas()), serves(m.images(), m.replicas()))
	s.Begin()
	return s
}

// observed makes a namespace and observes what will become the named
// ReplicationController in it.
func observed(t *testing.T, name string) *scenario {
	t.Helper()
	requireCluster(t)
	ctx := testContext(t)
	namespaces := cluster.client.CoreV1().Namespaces()
	namespace, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	s := &scenario{T: t, namespace: namespace.Name, name: name}
	s.Observer, err = observe.Start(ctx, cluster.client, observe.Target{
		Namespace: namespace.Name, Name: name, Selector: "app=tomcat",
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			s.explain()
		}
		// Nobody waits for it: the garbage collector is not what is tested.
		_ = namespaces.Delete(context.Background(), namespace.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
	})
	return s
}

// requireCluster skips a test that has nothing to run on.
func requireCluster(t *testing.T) {
	t.Helper()
	if cluster == nil {
		t.Skipf("%s does not name bin/localcluster, or -short is given: there is no control plane to test on (make test has one)", localclusterEnv)
	}
}

// testContext ends before the test binary is stopped, so that the reason is told
// and the control plane removed.
func testContext(t *testing.T) context.Context {
	deadline, ok := t.Deadline()
	if !ok {
		return t.Context()
	}
	ctx, cancel := context.WithDeadline(t.Context(), deadline.Add(-30*time.Second))
	t.Cleanup(cancel)
	return ctx
}

// explain shows how it came to a failure.
func (s *scenario) explain() {
	var text strings.Builder
	moments := s.Result().Moments
	for _, moment := range moments[max(0, len(moments)-momentsShown):] {
		fmt.Fprintln(&text, moment)
	}
	objects := s.try("", "get", "rc", "-o", "yaml")
	s.Logf("namespace %s, rc %s\n%s%s%s", s.namespace, s.name, &text, objects.stdout, objects.stderr)
}

// await returns the first moment from now on of which holds is true.
func (s *scenario) await(what string, holds func(observe.Moment) bool) observe.Moment {
	s.Helper()
	ctx, cancel := context.WithTimeout(testContext(s.T), patience)
	defer cancel()
	moment, err := s.Await(ctx, what, holds)
	require.NoError(s, err)
	return moment
}

// awaitEvent returns once an event with that text in it is recorded on the
// ReplicationController.
func (s *scenario) awaitEvent(text string) {
	s.Helper()
	s.await(fmt.Sprintf("an event says %q", text), func(m observe.Moment) bool {
		return strings.Contains(strings.Join(messages(m), "\n"), text)
	})
}

// messages are those of the events since the measurement began.
func messages(m observe.Moment) []string {
	var messages []string
	for _, event := range m.Events {
		messages = append(messages, event.Message)
	}
	return messages
}

// keeps fails the test unless the promises were kept since the measurement began.
func (s *scenario) keeps(bounds observe.Bounds) {
	s.Helper()
	for _, violation := range s.Result().Check(bounds) {
		s.Errorf("%v", violation)
	}
}

package harness

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

const (
	// Patience is the time after which something that is awaited counts as never
	// happening. It is no measure of how long anything should take.
	Patience = 3 * time.Minute

	// momentsShown are the last ones of a failed test.
	momentsShown = 80
)

// Scenario is one ReplicationController in a namespace of its own, observed from
// before the first edit to the end of the test.
type Scenario struct {
	*testing.T
	*observe.Observer
	Cluster *ControlPlane

	// Namespace and RCName are those of the ReplicationController.
	Namespace, RCName string

	// Editor is the command that kubectl edit runs; empty for the usual one.
	Editor string
}

// Given makes a ReplicationController as kubectl apply does, and begins to measure
// once all its pods serve.
func Given(t *testing.T, rc manifest.RC, applyFlags ...string) *Scenario {
	t.Helper()
	s := NewScenario(t, rc.Name())
	s.Apply(rc, applyFlags...)
	s.Await(fmt.Sprintf("%d pods serve", rc.Replicas()), Serves(rc.Images(), rc.Replicas()))
	s.Begin()
	return s
}

// NewScenario makes a namespace and observes what will become the named
// ReplicationController in it.
func NewScenario(t *testing.T, name string) *Scenario {
	t.Helper()
	cluster := Cluster(t)
	ctx := Context(t)
	namespaces := cluster.Client.CoreV1().Namespaces()
	namespace, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	s := &Scenario{T: t, Cluster: cluster, Namespace: namespace.Name, RCName: name}
	s.Observer, err = observe.Start(ctx, cluster.Client, observe.Target{
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

// Context ends shortly before the test binary is stopped, so that a test says why it
// fails and the control plane is removed.
func Context(t *testing.T) context.Context {
	deadline, ok := t.Deadline()
	if !ok {
		return t.Context()
	}
	ctx, cancel := context.WithDeadline(t.Context(), deadline.Add(-30*time.Second))
	t.Cleanup(cancel)
	return ctx
}

// For is the same scenario in a subtest.
func (s *Scenario) For(t *testing.T) *Scenario {
	shared := *s
	shared.T = t
	return &shared
}

// RCs is the client for the ReplicationControllers of the namespace.
func (s *Scenario) RCs() clientv1.ReplicationControllerInterface {
	return s.Cluster.Client.CoreV1().ReplicationControllers(s.Namespace)
}

// Stored is the ReplicationController as it is stored, not as it was seen last.
func (s *Scenario) Stored() *corev1.ReplicationController {
	s.Helper()
	rc, err := s.RCs().Get(context.Background(), s.RCName, metav1.GetOptions{})
	require.NoError(s, err)
	return rc
}

// explain shows what led to a failure.
func (s *Scenario) explain() {
	var text strings.Builder
	moments := s.Result().Moments
	for _, moment := range moments[max(0, len(moments)-momentsShown):] {
		fmt.Fprintln(&text, moment)
	}
	objects := s.TryKubectl("", "get", "rc", "-o", "yaml")
	s.Logf("namespace %s, rc %s\n%s%s%s", s.Namespace, s.RCName, &text, objects.Stdout, objects.Stderr)
}

package models

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/sim"
)

func TestMain(m *testing.M) { harness.Main(m) }

// The models of test/sim must come to the same objects as the real server, manager,
// garbage collector and (simulated) kubelets.
func TestModels(t *testing.T) {
	for _, script := range sim.Scripts {
		t.Run(script.Name, func(t *testing.T) {
			t.Parallel()
			expected, err := script.Play(0)
			require.NoError(t, err)
			s := harness.NewScenario(t, "a")
			known := map[types.UID]bool{}
			for i, step := range script.Steps {
				require.NoError(t, do(s, step), "%s %s", step.Do, step.Name)
				awaitFacts(s, expected[i], known)
			}
		})
	}
}

// awaitFacts waits until the facts are as expected, and remembers the pods.
func awaitFacts(s *harness.Scenario, expected []string, known map[types.UID]bool) {
	s.Helper()
	var facts []string
	var pods *corev1.PodList
	assert.Eventually(s, func() bool {
		ctx := s.Context()
		rcs, err := s.RCs().List(ctx, metav1.ListOptions{})
		require.NoError(s, err)
		pods, err = s.Cluster.Client.CoreV1().Pods(s.Namespace).List(ctx, metav1.ListOptions{})
		require.NoError(s, err)
		facts = sim.Facts(rcs.Items, pods.Items, known)
		return slices.Equal(expected, facts)
	}, harness.Patience, 100*time.Millisecond)
	require.Equal(s, strings.Join(expected, "\n"), strings.Join(facts, "\n"))
	for _, pod := range pods.Items {
		known[pod.UID] = true
	}
}

// do is a step of a script, on the real control plane.
func do(s *harness.Scenario, step sim.ScriptStep) error {
	ctx, rcs := s.Context(), s.RCs()
	switch step.Do {
	case sim.Create:
		var owner *corev1.ReplicationController
		if step.Owner != "" {
			var err error
			if owner, err = rcs.Get(ctx, step.Owner, metav1.GetOptions{}); err != nil {
				return err
			}
		}
		_, err := rcs.Create(ctx, step.Object(owner), metav1.CreateOptions{})
		return err
	case sim.Edit:
		return harness.Update(ctx, rcs, step.Name, step.Change, metav1.UpdateOptions{})
	case sim.Scale:
		_, err := rcs.UpdateScale(ctx, step.Name, &autoscalingv1.Scale{
			ObjectMeta: metav1.ObjectMeta{Name: step.Name, Namespace: s.Namespace},
			Spec:       autoscalingv1.ScaleSpec{Replicas: step.Replicas},
		}, metav1.UpdateOptions{})
		return err
	case sim.Delete:
		return rcs.Delete(ctx, step.Name, metav1.DeleteOptions{PropagationPolicy: &step.Policy})
	}
	return relabel(ctx, s, step)
}

// relabel replaces the labels of one pod.
func relabel(ctx context.Context, s *harness.Scenario, step sim.ScriptStep) error {
	client := s.Cluster.Client.CoreV1().Pods(s.Namespace)
	pods, err := client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	at := slices.IndexFunc(pods.Items, func(pod corev1.Pod) bool { return step.Picks(&pod) })
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": step.Labels}})
	if err != nil {
		return err
	}
	_, err = client.Patch(ctx, pods.Items[at].Name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

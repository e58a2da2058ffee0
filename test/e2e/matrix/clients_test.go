package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes"
	clientv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// runKubectl returns what kubectl says.
func (s *scenario) runKubectl(stdin string, args ...string) answer {
	s.Helper()
	out := s.TryKubectl(stdin, args...)
	if out.ExitCode != 0 {
		return answer{failure: out.Stderr}
	}
	var warned []string
	for line := range strings.Lines(out.Stderr) {
		if strings.HasPrefix(line, "Warning: ") {
			warned = append(warned, line)
		}
	}
	return answer{warnings: strings.Join(warned, "")}
}

// sender sends a whole manifest; before is the one that it sent last.
type sender func(s *scenario, before, after manifest.RC) answer

// kubectlWith is a kubectl that is given the manifest.
func kubectlWith(args ...string) sender {
	return func(s *scenario, _, after manifest.RC) answer {
		s.Helper()
		return s.runKubectl(after.YAML(s), append(args, "-f", "-")...)
	}
}

// creating makes the ReplicationController the same way.
func creating(send sender) func(*scenario, manifest.RC) {
	return func(s *scenario, m manifest.RC) {
		s.Helper()
		require.Empty(s, send(s, nil, m).failure)
	}
}

// patchAs sends what is different between two manifests.
func patchAs(manager string) sender {
	return func(s *scenario, before, after manifest.RC) answer {
		s.Helper()
		patch, err := strategicpatch.CreateTwoWayMergePatch(jsonOf(s, before), jsonOf(s, after), corev1.ReplicationController{})
		require.NoError(s, err)
		return s.send("", func(ctx context.Context, rcs clientv1.ReplicationControllerInterface) error {
			_, err := rcs.Patch(ctx, s.RCName, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
			return err
		})
	}
}

// helm does what Helm 3 does for upgrade and rollback: a three-way merge of the
// manifest of the last release, the one of this release, and the live object. A
// patch with nothing in it is not sent.
func helm(s *scenario, last, release manifest.RC) answer {
	s.Helper()
	live := s.Stored()
	live.APIVersion, live.Kind = "v1", "ReplicationController"
	meta, err := strategicpatch.NewPatchMetaFromStruct(corev1.ReplicationController{})
	require.NoError(s, err)
	patch, err := strategicpatch.CreateThreeWayMergePatch(jsonOf(s, last), jsonOf(s, release), jsonOf(s, live), meta, true)
	require.NoError(s, err)
	if string(patch) == "{}" {
		return answer{}
	}
	return s.send("", func(ctx context.Context, rcs clientv1.ReplicationControllerInterface) error {
		_, err := rcs.Patch(ctx, s.RCName, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "helm"})
		return err
	})
}

func createdByHelm(s *scenario, m manifest.RC) {
	s.Helper()
	got := s.send("", func(ctx context.Context, rcs clientv1.ReplicationControllerInterface) error {
		_, err := rcs.Create(ctx, typed(s, m), metav1.CreateOptions{FieldManager: "helm"})
		return err
	})
	require.Empty(s, got.failure)
}

// applyAs is server-side apply by client-go.
func applyAs(manager string) sender {
	return func(s *scenario, _, after manifest.RC) answer {
		s.Helper()
		_, got := s.applyPatch(manager, after)
		return got
	}
}

// applyTried is what Flux does: it applies as a dry run, looks at the result, and
// applies. Both answers have to be the same.
func applyTried(s *scenario, _, after manifest.RC) answer {
	s.Helper()
	const manager = "kustomize-controller"
	trial, expected := s.applyPatch(manager, after, metav1.DryRunAll)
	result, got := s.applyPatch(manager, after)
	assert.Equal(s, expected, got)
	if trial != nil && result != nil {
		assert.Equal(s, trial.Spec, result.Spec)
		assert.Equal(s, trial.Labels, result.Labels)
		for _, object := range []*corev1.ReplicationController{trial, result} {
			delete(object.Annotations, api.RequestedAtAnnotation) // that of each by itself
		}
		assert.Equal(s, trial.Annotations, result.Annotations)
	}
	return got
}

func (s *scenario) applyPatch(manager string, m manifest.RC, dryRun ...string) (*corev1.ReplicationController, answer) {
	s.Helper()
	var result *corev1.ReplicationController
	got := s.send("", func(ctx context.Context, rcs clientv1.ReplicationControllerInterface) (err error) {
		result, err = rcs.Patch(ctx, s.RCName, types.ApplyPatchType, jsonOf(s, m),
			metav1.PatchOptions{FieldManager: manager, Force: ptr.To(true), DryRun: dryRun})
		return err
	})
	return result, got
}

// applyStatus is server-side apply of a condition.
func (s *scenario) applyStatus(manager string) {
	s.Helper()
	condition := []byte(`{"apiVersion":"v1","kind":"ReplicationController","status":{"conditions":[{"type":"Tested","status":"True"}]}}`)
	got := s.send("", func(ctx context.Context, rcs clientv1.ReplicationControllerInterface) error {
		_, err := rcs.Patch(ctx, s.RCName, types.ApplyPatchType, condition, metav1.PatchOptions{FieldManager: manager}, "status")
		return err
	})
	require.Empty(s, got.failure)
}

// put is a controller that reads, modifies and writes back.
func (s *scenario) put(modify func(*corev1.ReplicationController)) answer {
	s.Helper()
	return s.send("", func(ctx context.Context, rcs clientv1.ReplicationControllerInterface) error {
		return harness.Update(ctx, rcs, s.RCName, modify, metav1.UpdateOptions{FieldManager: "operator"})
	})
}

// scaleAs is an autoscaler.
func (s *scenario) scaleAs(user string, replicas int32) answer {
	s.Helper()
	return s.send(user, func(ctx context.Context, rcs clientv1.ReplicationControllerInterface) error {
		return harness.UpdateScale(ctx, rcs, s.RCName, replicas)
	})
}

var autoscaler = mutate.DefaultAutoscalerUsers[0]

// send makes a request with client-go, in the name of a user or as administrator.
func (s *scenario) send(user string, request func(context.Context, clientv1.ReplicationControllerInterface) error) answer {
	s.Helper()
	var heard warnings
	config := rest.CopyConfig(s.Cluster.Config)
	config.Impersonate.UserName = user
	config.WarningHandler = &heard
	client, err := kubernetes.NewForConfig(config)
	require.NoError(s, err)
	if err := request(context.Background(), client.CoreV1().ReplicationControllers(s.Namespace)); err != nil {
		return answer{failure: err.Error()}
	}
	return answer{warnings: strings.Join(heard.texts, "\n")}
}

type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, fmt.Sprintf("Warning: %s", text))
}

func jsonOf(s *scenario, object any) []byte {
	s.Helper()
	text, err := json.Marshal(object)
	require.NoError(s, err)
	return text
}

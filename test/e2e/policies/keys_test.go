package policies

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientv1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

const keysPolicy = "rcroll-reserved-keys"

// forgeries are rcroll's own entries, by where they stand.
func forgeries(t *testing.T) map[string]string {
	request, err := json.Marshal(harness.NewRC("forged", harness.Privileged).Spec)
	require.NoError(t, err)
	entry := func(kind, key, value string) string {
		return string(jsonOf(t, map[string]any{"metadata": map[string]any{kind: map[string]string{key: value}}}))
	}
	return map[string]string{
		"metadata.annotations[rcroll.dev/request]":         entry("annotations", api.RequestAnnotation, string(request)),
		"metadata.annotations[rcroll.dev/command]":         entry("annotations", api.CommandAnnotation, "{}"),
		"metadata.annotations[rcroll.dev/promoted]":        entry("annotations", api.PromotedAnnotation, hash),
		"metadata.annotations[rcroll.dev/live]":            entry("annotations", api.LiveAnnotation, hash),
		"metadata.annotations[rcroll.dev/promoting-since]": entry("annotations", api.PromotingSinceAnnotation, "2026-01-01T00:00:00Z"),
		"metadata.annotations[rcroll.dev/requested-by]":    entry("annotations", "rcroll.dev/requested-by", "somebody else"),
		"metadata.annotations[rcroll.dev/requested-at]":    entry("annotations", "rcroll.dev/requested-at", "2026-01-01T00:00:00Z"),
		"metadata.annotations[rcroll.dev/change-cause]":    entry("annotations", api.ChangeCauseAnnotation, "none"),
		"metadata.annotations[rcroll.dev/overridden]":      entry("annotations", api.OverriddenAnnotation, `{"policies":["freeze"]}`),
		"metadata.annotations[rcroll.dev/approve]":         entry("annotations", api.ApproveAnnotation, hash+"/2"),
		"metadata.annotations[rcroll.dev/approved-by]":     entry("annotations", api.ApprovedByAnnotation, "somebody else"),
		"metadata.annotations[rcroll.dev/approved-at]":     entry("annotations", api.ApprovedAtAnnotation, "2026-01-01T00:00:00Z"),
		"metadata.labels[rcroll.dev/rolling]":              entry("labels", api.RollingLabel, api.True),
	}
}

// patch writes as a user who may write that resource, or subresource, only.
func patch(t *testing.T, rcs clientv1.ReplicationControllerInterface, text string, subresources ...string) error {
	t.Helper()
	_, err := rcs.Patch(t.Context(), "tomcat", types.MergePatchType, []byte(text), metav1.PatchOptions{}, subresources...)
	return err
}

// Labels and annotations are stored with a write of the status, which is not sent to the
// webhook: who may write only that begins no rollout by it, and ends none.
func TestNoRequestThroughTheStatus(t *testing.T) {
	t.Parallel()
	s := pausedHalfway(t)
	rcs := user(t, s.Namespace, "status-only", rcRule("replicationcontrollers/status")).CoreV1().ReplicationControllers(s.Namespace)
	for key, text := range forgeries(t) {
		if key == "metadata.labels[rcroll.dev/rolling]" {
			continue // as it is
		}
		expectForbidden(t, patch(t, rcs, text, "status"), keysPolicy, key+": is written by rcroll only, and not through the status")
	}
	for _, text := range []string{
		`{"metadata":{"annotations":{"rcroll.dev/request":null}}}`, `{"metadata":{"labels":{"rcroll.dev/rolling":null}}}`,
	} {
		err := patch(t, rcs, text, "status")
		assert.ErrorContains(t, err, "is forbidden: ValidatingAdmissionPolicy")
	}
	require.NoError(t, patch(t, rcs, `{"status":{"conditions":[{"type":"example.com/Seen","status":"True"}]}}`, "status"), "a status")
	require.NoError(t, patch(t, rcs, `{"metadata":{"annotations":{"note":"x"}}}`, "status"), "what is not rcroll's")

	idle := namespace(t, nil)
	create(t, idle, harness.NewRC("tomcat"))
	rcs = user(t, idle, "status-only", rcRule("replicationcontrollers/status")).CoreV1().ReplicationControllers(idle)
	for key, text := range forgeries(t) {
		expectForbidden(t, patch(t, rcs, text, "status"), keysPolicy, key)
	}
}

// Where the webhook is not called, nobody begins a rollout for the agent to go on with:
// not on a creation, and not later.
func TestNoRequestOutOfSight(t *testing.T) {
	t.Parallel()
	optedOut := namespace(t, map[string]string{api.EnabledKey: "false"})
	other := namespace(t, nil)
	controlled := func(rc *corev1.ReplicationController) { rc.OwnerReferences = deploymentConfig(true) }
	for name, c := range map[string]struct {
		namespace string
		edits     []func(*corev1.ReplicationController)
	}{
		"in a namespace that opted out": {optedOut, nil},
		"controlled by another kind":    {other, []func(*corev1.ReplicationController){controlled}},
	} {
		t.Run(name, func(t *testing.T) {
			rcs := user(t, c.namespace, "jane", rcRule("replicationcontrollers")).CoreV1().ReplicationControllers(c.namespace)
			for key, text := range forgeries(t) {
				forged := harness.NewRC("forged", c.edits...)
				require.NoError(t, json.Unmarshal([]byte(text), forged))
				_, err := rcs.Create(t.Context(), forged, metav1.CreateOptions{})
				expectForbidden(t, err, keysPolicy, key+": is written by rcroll only: take it out of the manifest")
			}
			_, err := rcs.Create(t.Context(), harness.NewRC("tomcat", c.edits...), metav1.CreateOptions{})
			require.NoError(t, err)
			for key, text := range forgeries(t) {
				if key == "metadata.labels[rcroll.dev/rolling]" && c.edits != nil {
					err := patch(t, rcs, text)
					assert.True(t, apierrors.IsForbidden(err), "two policies refuse it, in no order: %v", err)
					continue
				}
				expectForbidden(t, patch(t, rcs, text), keysPolicy, key+": is written by rcroll only: take it out of the manifest")
			}
			require.NoError(t, patch(t, rcs, imagePatch), "an edit")
			stored, err := rcs.Get(t.Context(), "tomcat", metav1.GetOptions{})
			require.NoError(t, err)
			assert.Equal(t, "tomcat:8", stored.Spec.Template.Spec.Containers[0].Image)
		})
	}
}

// The way out of a rollout in a namespace that opted out is to remove what is rcroll's. No pod
// is taken along.
func TestTracesAreRemovedWhereOptedOut(t *testing.T) {
	t.Parallel()
	s := pausedHalfway(t)
	_, err := s.Cluster.Client.CoreV1().Namespaces().Patch(t.Context(), s.Namespace, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"rcroll.dev/enabled":"false"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	s.Kubectl("annotate", s.Ref(), api.RequestAnnotation+"-")
	s.Kubectl("label", s.Ref(), api.RollingLabel+"-")
	s.AwaitEvent("The rolling update was ended where rcroll does not see to it")
	assert.GreaterOrEqual(t, s.Now().Available(), 5)
}

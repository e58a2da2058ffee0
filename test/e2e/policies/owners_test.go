package policies

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

const ownersPolicy = "rcroll-owners"

// deploymentConfig is an owner of another kind.
func deploymentConfig(controller bool) []metav1.OwnerReference {
	return []metav1.OwnerReference{{
		APIVersion: "apps.openshift.io/v1", Kind: "DeploymentConfig", Name: "frontend", UID: "00000000-0000-0000-0000-000000000000",
		Controller: ptr.To(controller), BlockOwnerDeletion: ptr.To(true),
	}}
}

// A finalizer on the new ReplicationController would keep a promotion from ending, and
// another owner would take it out of the rollout.
func TestOwnedRCsBelongToTheGarbageCollector(t *testing.T) {
	t.Parallel()
	s := pausedHalfway(t)
	made := s.Now().Owned()[0]
	rcs := user(t, s.Namespace, "jane", rcRule("*")).CoreV1().ReplicationControllers(s.Namespace)
	for what, text := range map[string]string{
		"finalizers":      `{"metadata":{"finalizers":["example.com/hold"]}}`,
		"ownerReferences": `{"metadata":{"ownerReferences":null}}`,
	} {
		for _, subresources := range [][]string{nil, {"status"}} {
			_, err := rcs.Patch(t.Context(), made.Name, types.MergePatchType, []byte(text), metav1.PatchOptions{}, subresources...)
			expectForbidden(t, err, ownersPolicy, fmt.Sprintf("metadata.%s: belong to the garbage collector", what))
		}
	}
	// kubectl delete --cascade=orphan and foreground are the garbage collector's finalizers.
	require.NoError(t, rcs.Delete(t.Context(), made.Name, metav1.DeleteOptions{
		PropagationPolicy: ptr.To(metav1.DeletePropagationForeground), DryRun: dryRun.DryRun,
	}))
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"-")
	s.AwaitRollout("tomcat:8", 5)
}

// A ReplicationController that is rolling, given to one that is not, would look like what
// a rollout left over, which the agent deletes.
func TestRollingRCGetsNoController(t *testing.T) {
	t.Parallel()
	s := pausedHalfway(t)
	idle := create(t, s.Namespace, harness.NewRC("idle"))
	rcs := user(t, s.Namespace, "jane", rcRule("*")).CoreV1().ReplicationControllers(s.Namespace)
	for _, owners := range [][]metav1.OwnerReference{{*metav1.NewControllerRef(idle, api.GroupVersionKind)}, deploymentConfig(true)} {
		text := jsonOf(t, map[string]any{"metadata": map[string]any{"ownerReferences": owners}})
		for _, subresources := range [][]string{nil, {"status"}} {
			_, err := rcs.Patch(t.Context(), "tomcat", types.MergePatchType, text, metav1.PatchOptions{}, subresources...)
			expectForbidden(t, err, ownersPolicy, "cannot be given a controller in the middle of a rolling update")
		}
	}
	text := jsonOf(t, map[string]any{"metadata": map[string]any{"ownerReferences": deploymentConfig(false), "finalizers": []string{"example.com/mine"}}})
	_, err := rcs.Patch(t.Context(), "tomcat", types.MergePatchType, text, metav1.PatchOptions{})
	assert.NoError(t, err, "an owner that does not control, and a finalizer of the user's own")
	_, err = rcs.Patch(t.Context(), "tomcat", types.MergePatchType, []byte(`{"metadata":{"ownerReferences":null,"finalizers":null}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	s.Kubectl("delete", "rc/idle")
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"-")
	s.AwaitRollout("tomcat:8", 5)
}

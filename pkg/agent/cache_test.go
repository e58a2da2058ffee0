package agent

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// TestKeepNeeded: what is large and not read is not kept, and all that decisions read is.
func TestKeepNeeded(t *testing.T) {
	const large = 100 << 10
	size := func(object *unstructured.Unstructured) int {
		text, err := json.Marshal(object)
		require.NoError(t, err)
		return len(text)
	}
	typed := rollingRC(t, 5)
	typed.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "LARGE", Value: strings.Repeat("x", large)}}
	typed.Annotations[corev1.LastAppliedConfigAnnotation] = strings.Repeat("x", large)
	typed.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: strings.Repeat("x", large)}}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	require.NoError(t, err)
	rc := &unstructured.Unstructured{Object: content}
	owned := newRC(t, 3)
	require.NoError(t, unstructured.SetNestedField(owned.Object, strings.Repeat("x", large), "spec", "template", "spec", "nodeName"))

	before := rc.DeepCopy()
	kept, err := keepNeeded()(rc)
	require.NoError(t, err)
	assert.Less(t, size(kept.(*unstructured.Unstructured)), 2*large, "the live template, which is compared with the request")
	assert.Equal(t, before.Object["spec"], kept.(*unstructured.Unstructured).Object["spec"])
	assert.Equal(t, typed.Annotations[api.RequestAnnotation], kept.(*unstructured.Unstructured).GetAnnotations()[api.RequestAnnotation])

	ownedBefore := owned.DeepCopy()
	kept, err = keepNeeded()(owned)
	require.NoError(t, err)
	assert.Less(t, size(kept.(*unstructured.Unstructured)), 4<<10)
	assert.Equal(t, rollout.MemberOf(ownedBefore), rollout.MemberOf(kept.(*unstructured.Unstructured)))
	assert.Equal(t, api.SpecOf(ownedBefore).Selector(), api.SpecOf(kept.(*unstructured.Unstructured)).Selector())
	assert.True(t, api.IsOwned(kept.(*unstructured.Unstructured)))
}

package history

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/rcroll/rcroll/pkg/api"
)

const hashKey = api.DefaultHashLabelKey

var tomcat = &metav1.ObjectMeta{Namespace: "shop", Name: "tomcat", UID: "u1"}

func spec(t *testing.T, image string) api.Spec {
	t.Helper()
	spec, err := api.ParseSpec(`{"replicas":5,"selector":{"app":"tomcat","deployment":"0123456789abcdef0123456789abcdef"},"template":{
		"metadata":{"labels":{"app":"tomcat","deployment":"0123456789abcdef0123456789abcdef"}},
		"spec":{"containers":[{"name":"tomcat","image":"` + image + `","ports":[{"containerPort":8080}]}]}}}`)
	require.NoError(t, err)
	return spec
}

// A revision says the same when it is read again, and the template is the one that its
// user knows, without rcroll's label.
func TestObject(t *testing.T) {
	wanted := spec(t, "tomcat:8")
	revision := Revision{
		Number: 3, Hash: wanted.Hash(hashKey), Result: Succeeded, RequestedBy: "alice",
		RequestedAt: noon, Duration: 90 * time.Second, ChangeCause: "CVE-1",
	}
	object, err := Object(tomcat, revision, wanted, hashKey)
	require.NoError(t, err)
	assert.Equal(t, revision, Of(object))
	assert.True(t, IsOf(object, "u1"))
	assert.False(t, IsOf(object, "u2"))
	assert.Equal(t, map[string]string{"app": "tomcat", api.RevisionOfLabel: "u1"}, object.Labels)
	back, err := SpecOf(object)
	require.NoError(t, err)
	assert.Equal(t, revision.Hash, back.Hash(hashKey))
	assert.True(t, back.SameTemplate(wanted, hashKey), "numbers included")

	assert.Equal(t, object.Name, Name(tomcat, revision.Hash))
	assert.NotEqual(t, object.Name, Name(&metav1.ObjectMeta{Name: "tomcat", UID: "u2"}, revision.Hash), "of one that was deleted before")

	for _, controller := range []string{"", "StatefulSet"} {
		forged := object.DeepCopy()
		forged.OwnerReferences[0].Kind = controller
		assert.False(t, IsOf(forged, "u1"))
	}
}

// What kubectl patch does with the data is to go back: what the revision does not have is
// gone.
func TestDataIsAPatch(t *testing.T) {
	object, err := Object(tomcat, Revision{}, spec(t, "tomcat:7"), hashKey)
	require.NoError(t, err)
	live := spec(t, "tomcat:8")
	pod := live["template"].(map[string]any)["spec"].(map[string]any)
	pod["containers"] = append(pod["containers"].([]any), map[string]any{"name": "sidecar", "image": "envoy:1"})
	pod["nodeName"] = "a"
	patched, err := strategicpatch.StrategicMergePatch([]byte(`{"spec":`+live.String()+`}`), object.Data.Raw, &corev1.ReplicationController{})
	require.NoError(t, err)
	var rc struct {
		Spec api.Spec `json:"spec"`
	}
	require.NoError(t, json.Unmarshal(patched, &rc))
	assert.True(t, rc.Spec.SameTemplate(spec(t, "tomcat:7"), hashKey), "%s", patched)
	assert.EqualValues(t, 5, rc.Spec.Replicas())
}

// A template that was live before anything was recorded has nothing to say, and an update
// takes away what is no more.
func TestPatch(t *testing.T) {
	object, err := Object(tomcat, with(2, "h", Succeeded), spec(t, "tomcat:8"), hashKey)
	require.NoError(t, err)
	object.UID, object.ResourceVersion = "r", "7"
	assert.Equal(t, map[string]any{
		"metadata": map[string]any{"uid": object.UID, "resourceVersion": "7", "annotations": map[string]any{
			api.TemplateHashAnnotation: "h", api.ResultAnnotation: nil, api.RequestedByAnnotation: nil, api.RequestedAtAnnotation: nil,
			api.DurationAnnotation: nil, api.OverriddenAnnotation: nil, api.ApprovedByAnnotation: nil, ChangeCauseAnnotation: nil,
		}},
		"revision": int64(4),
	}, Patch(object, there(4, "h")))
}

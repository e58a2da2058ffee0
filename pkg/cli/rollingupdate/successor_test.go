package rollingupdate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
)

// Sealed it can take no pod and delete none, and opened it is what the other one was.
func TestSuccessor(t *testing.T) {
	old := rc(t, tomcatRC)
	old.SetAnnotations(map[string]string{nextAnnotation: "tomcat-8", "note": "mine", api.MaxSurgeAnnotation: "2", api.RequestedByAnnotation: "alice",
		"kubectl.kubernetes.io/last-applied-configuration": "{}"})
	o := &options{name: "tomcat", newName: "tomcat-8"}
	sealed := o.successor(old, api.SpecOf(old))
	assert.Zero(t, api.SpecOf(sealed).Replicas())
	assert.Equal(t, map[string]string{"app": "tomcat", sourceKey: "1"}, api.SpecOf(sealed).Selector())
	assert.Equal(t, map[string]string{"app": "tomcat", sourceKey: "1"}, api.SpecOf(sealed).TemplateLabels())
	assert.Empty(t, sealed.GetUID())
	assert.True(t, isSuccessor(sealed, "tomcat"))
	assert.False(t, isSuccessor(sealed, "tom"))
	assert.False(t, isSuccessor(old, "tomcat"))

	successor, err := opened(sealed)
	require.NoError(t, err)
	assert.Equal(t, "tomcat-8", successor.GetName())
	assert.Equal(t, api.SpecOf(old), api.SpecOf(successor))
	assert.Equal(t, map[string]string{"app": "tomcat"}, successor.GetLabels())
	assert.Equal(t, map[string]string{"note": "mine", api.MaxSurgeAnnotation: "2"}, successor.GetAnnotations())
	assert.False(t, isSuccessor(successor, "tomcat"))
	assert.NotContains(t, api.SpecOf(old).Selector(), sourceKey, "the other one is not changed")

	delete(sealed.Object["metadata"].(map[string]any)["annotations"].(map[string]any), desiredAnnotation)
	_, err = opened(sealed)
	assert.ErrorContains(t, err, desiredAnnotation)
}

// Of a file it has what the file says of itself.
func TestSuccessorOfAFile(t *testing.T) {
	old, file := rc(t, tomcatRC), rc(t, strings.Replace(tomcatRC, `"note":"mine"`, `"note":"of the file"`, 1))
	o := &options{name: "tomcat", newName: "tomcat-8", file: file}
	assert.Equal(t, "of the file", o.successor(old, api.SpecOf(old)).GetAnnotations()["note"])
}

func TestOverlapping(t *testing.T) {
	old := rc(t, tomcatRC)
	other := func(selector string, edits ...func(*unstructured.Unstructured)) []*unstructured.Unstructured {
		object := rc(t, strings.NewReplacer(`"name":"tomcat","namespace"`, `"name":"wide","namespace"`, `"uid":"1"`, `"uid":"2"`, `"selector":{"app":"tomcat"}`, `"selector":`+selector).Replace(tomcatRC))
		for _, edit := range edits {
			edit(object)
		}
		return []*unstructured.Unstructured{old, object}
	}
	pods := map[string]string{"app": "tomcat", "version": "2"}
	assert.Empty(t, overlapping([]*unstructured.Unstructured{old}, old, pods))
	assert.Equal(t, "wide", overlapping(other(`{"app":"tomcat"}`), old, pods))
	assert.Empty(t, overlapping(other(`{"app":"tomcat","version":"1"}`), old, pods))
	owned := func(object *unstructured.Unstructured) {
		object.SetOwnerReferences(api.NewRC(old, api.SpecOf(old), "deployment").GetOwnerReferences())
	}
	assert.Empty(t, overlapping(other(`{"app":"tomcat"}`, owned), old, pods))
}

// Who wants another name does not roll twice: what is there already is only renamed.
func TestRolledBefore(t *testing.T) {
	live := rc(t, strings.ReplaceAll(tomcatRC, `"note":"mine"`, `"kubectl.kubernetes.io/next-controller-id":"tomcat-8"`))
	live.SetLabels(nil)
	before := progress.Of(live, nil)
	edit, err := (&options{newName: "tomcat-8", image: "tomcat:7"}).imageEdit(live, before, before.RequestedAt)
	require.NoError(t, err)
	assert.NotContains(t, edit.Body, "spec")
	_, err = (&options{newName: "tomcat-9", image: "tomcat:7"}).imageEdit(live, before, before.RequestedAt)
	assert.Equal(t, errPullPolicy, err)
	edit, err = (&options{image: "tomcat:8"}).imageEdit(live, before, before.RequestedAt)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"annotations": map[string]any{nextAnnotation: nil}}, edit.Body.(map[string]any)["metadata"])
	file := (&options{newName: "tomcat-8"}).fromFile(live, rc(t, tomcatRC), before)
	assert.Empty(t, api.SpecOf(file).TemplateAnnotation(restart))
	file = (&options{}).fromFile(live, rc(t, tomcatRC), before)
	assert.NotEmpty(t, api.SpecOf(file).TemplateAnnotation(restart))
	assert.NotContains(t, file.GetAnnotations(), nextAnnotation)
}

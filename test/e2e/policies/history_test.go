package policies

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/history"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

const historyPolicy = "rcroll-history"

// revisionOf is what the agent creates for a ReplicationController.
func revisionOf(t *testing.T, name, uid string, edits ...func(*appsv1.ControllerRevision)) *appsv1.ControllerRevision {
	t.Helper()
	owner := &metav1.ObjectMeta{Name: name, UID: types.UID(uid)}
	revision, err := history.Object(owner, history.Revision{Number: 1, Hash: hash},
		api.Spec{"template": map[string]any{"spec": map[string]any{"hostPID": true}}}, api.DefaultHashLabelKey)
	require.NoError(t, err)
	for _, edit := range edits {
		edit(revision)
	}
	return revision
}

// What users go back to is what the agent recorded: nobody else adds to the history of a
// ReplicationController, or changes what it says.
func TestHistoryIsNotForged(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	owner := create(t, ns, harness.NewRC("tomcat"))
	editor := user(t, ns, "historian", rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"controllerrevisions"}, Verbs: []string{rbacv1.VerbAll}}).
		AppsV1().ControllerRevisions(ns)
	agent := client(t, config(t, harness.Agent)).AppsV1().ControllerRevisions(ns)
	uid := string(owner.UID)

	_, err := editor.Create(t.Context(), revisionOf(t, "tomcat", uid), metav1.CreateOptions{})
	expectForbidden(t, err, historyPolicy, "is written by rcroll only")
	unlabelled := func(r *appsv1.ControllerRevision) { r.Labels, r.Name = nil, "mine" }
	mine, err := editor.Create(t.Context(), revisionOf(t, "tomcat", uid, unlabelled), metav1.CreateOptions{})
	require.NoError(t, err, "others' revisions are not judged")
	made, err := agent.Create(t.Context(), revisionOf(t, "tomcat", uid), metav1.CreateOptions{})
	require.NoError(t, err, "what the agent does")

	for what, c := range map[string]struct{ name, patch string }{
		"a label":                {mine.Name, `{"metadata":{"labels":{"rcroll.dev/revision-of":"` + uid + `"}}}`},
		"the label taken away":   {made.Name, `{"metadata":{"labels":{"rcroll.dev/revision-of":null}}}`},
		"the result":             {made.Name, `{"metadata":{"annotations":{"rcroll.dev/result":"Succeeded"}}}`},
		"the hash":               {made.Name, `{"metadata":{"annotations":{"rcroll.dev/template-hash":null}}}`},
		"the number":             {made.Name, `{"revision":9}`},
		"whose it is":            {made.Name, `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ReplicationController","name":"jetty","uid":"1","controller":true}]}}`},
		"who asked for it, once": {made.Name, `{"metadata":{"annotations":{"rcroll.dev/requested-by":"admin"}}}`},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := editor.Patch(t.Context(), c.name, types.MergePatchType, []byte(c.patch), metav1.PatchOptions{DryRun: dryRun.DryRun})
			expectForbidden(t, err, historyPolicy, "is written by rcroll only")
		})
	}
	for _, patch := range []string{`{"metadata":{"annotations":{"kubernetes.io/change-cause":"CVE-1"}}}`, `{"metadata":{"ownerReferences":null}}`} {
		_, err = editor.Patch(t.Context(), made.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: dryRun.DryRun})
		assert.NoError(t, err, "a note, and an owner that is gone")
	}
	assert.NoError(t, editor.Delete(t.Context(), made.Name, metav1.DeleteOptions{}), "anybody may delete who has the right to")
}

// With the agent's token nobody touches the revisions of StatefulSets and DaemonSets, or
// puts anything but a pod template into the history.
func TestAgentWritesNothingButHistory(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	owner := create(t, ns, harness.NewRC("tomcat"))
	admin := harness.Cluster(t).Client.AppsV1().ControllerRevisions(ns)
	agent := client(t, config(t, harness.Agent)).AppsV1().ControllerRevisions(ns)
	uid := string(owner.UID)
	for what, c := range map[string]struct {
		edit func(*appsv1.ControllerRevision)
		says string
	}{
		"of a StatefulSet": {func(r *appsv1.ControllerRevision) {
			r.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", UID: "1", Controller: ptr.To(true)}}
		}, "only ControllerRevisions with the label"},
		"of nobody":      {func(r *appsv1.ControllerRevision) { r.OwnerReferences = nil }, "only ControllerRevisions with the label"},
		"of another UID": {func(r *appsv1.ControllerRevision) { r.OwnerReferences[0].UID = "1" }, "only ControllerRevisions with the label"},
		"held":           {func(r *appsv1.ControllerRevision) { r.Finalizers = []string{"example.com/hold"} }, "with no finalizer"},
		"more than a template": {func(r *appsv1.ControllerRevision) {
			r.Data = runtime.RawExtension{Raw: []byte(`{"spec":{"template":{},"replicas":0}}`)}
		}, "only with a pod template in them"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := agent.Create(t.Context(), revisionOf(t, "tomcat", uid, c.edit), dryRun)
			expectForbidden(t, err, historyPolicy, c.says)
		})
	}
	foreign, err := admin.Create(t.Context(), &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Name: "db-1"}, Data: runtime.RawExtension{Raw: []byte(`{}`)}, Revision: 1}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = agent.Patch(t.Context(), foreign.Name, types.MergePatchType, []byte(`{"revision":2}`), metav1.PatchOptions{})
	expectForbidden(t, err, historyPolicy, "only ControllerRevisions with the label")
	expectForbidden(t, agent.Delete(t.Context(), foreign.Name, metav1.DeleteOptions{}), historyPolicy, "only ControllerRevisions with the label")

	made, err := agent.Create(t.Context(), revisionOf(t, "tomcat", uid), metav1.CreateOptions{})
	require.NoError(t, err)
	for _, patch := range []string{`{"metadata":{"ownerReferences":null}}`, `{"metadata":{"finalizers":["example.com/hold"]}}`} {
		_, err = agent.Patch(t.Context(), made.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		expectForbidden(t, err, historyPolicy, "neither the template nor the owner")
	}
	_, err = agent.Patch(t.Context(), made.Name, types.MergePatchType, []byte(`{"revision":2,"metadata":{"annotations":{"rcroll.dev/result":"Succeeded"}}}`), metav1.PatchOptions{})
	assert.NoError(t, err, "what the agent does")
	_, err = agent.Get(t.Context(), made.Name, metav1.GetOptions{})
	assert.True(t, apierrors.IsForbidden(err), "it lists them by their label, and needs no more")
	assert.NoError(t, agent.Delete(t.Context(), made.Name, metav1.DeleteOptions{}))
}

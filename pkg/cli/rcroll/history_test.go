package rcroll

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/history"
	"github.com/rcroll/rcroll/pkg/progress"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// hashOf is that of the template with an image.
func hashOf(image string) string { return spec(image).Hash(api.DefaultHashLabelKey) }

// withHistory is a rollout at a phase, of which revision 1 is tomcat:6, 2 is tomcat:7, which
// is live, 3 was rolled back, and 4 is tomcat:8 while that is pending.
func withHistory(t *testing.T, phase progress.Phase) past {
	t.Helper()
	rc := api.EmptyRC()
	rc.SetName("tomcat")
	rc.SetNamespace("shop")
	rc.SetUID("1")
	rc.SetResourceVersion("42")
	rc.SetAnnotations(map[string]string{api.MaxSurgeAnnotation: "2", api.RequestAnnotation: "{}"})
	rc.Object["spec"] = map[string]any(spec("tomcat:7"))
	r := at(phase)
	var objects []*appsv1.ControllerRevision
	add := func(image string, result history.Result, cause string) {
		revision := history.Revision{Number: int64(len(objects) + 1), Hash: hashOf(image), Result: result, ChangeCause: cause}
		if result != history.Unrecorded {
			revision.RequestedBy, revision.RequestedAt = "alice", noon
		}
		if result != history.Progressing {
			revision.Duration = 90 * time.Second
		}
		object, err := history.Object(rc, revision, spec(image), api.DefaultHashLabelKey)
		require.NoError(t, err)
		objects = append(objects, object)
	}
	add("tomcat:6", history.Unrecorded, "")
	add("tomcat:7", history.Succeeded, "CVE-1")
	add("tomcat:bad", history.RolledBack, "")
	if phase.Pending() {
		r.RequestedHash = hashOf("tomcat:8")
		add("tomcat:8", history.Progressing, "")
	}
	return pastOf(rc, r, objects)
}

func pastText(t *testing.T, wide bool) string {
	t.Helper()
	var out bytes.Buffer
	e := &environment{IOStreams: genericiooptions.IOStreams{Out: &out}}
	output := ""
	if wide {
		output = "wide"
	}
	require.NoError(t, e.history(withHistory(t, progress.Failed), 0, output, noon.Add(3*time.Hour)))
	return out.String()
}

func revisionText(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	e := &environment{IOStreams: genericiooptions.IOStreams{Out: &out}}
	require.NoError(t, e.history(withHistory(t, progress.Complete), 1, "", noon))
	return out.String()
}

func TestUndo(t *testing.T) {
	patchTo := func(image string) map[string]any {
		template := spec(image)["template"].(map[string]any)
		template["$patch"] = "replace"
		return map[string]any{"metadata": map[string]any{"resourceVersion": "42"}, "spec": map[string]any{"template": template}}
	}
	cancel := map[string]any{"metadata": map[string]any{"annotations": map[string]any{api.RequestAnnotation: nil}}}
	for name, c := range map[string]struct {
		phase   progress.Phase
		number  int64
		to      int64
		body    any
		cancels bool
		err     string
	}{
		"to the one before":                  {progress.Complete, 0, 1, patchTo("tomcat:6"), false, ""},
		"to one by its number":               {progress.Complete, 3, 3, patchTo("tomcat:bad"), false, ""},
		"to what is live":                    {progress.Complete, 2, 2, nil, false, ""},
		"to one that is not there":           {progress.Complete, 9, 0, nil, false, "unable to find specified revision 9"},
		"in the middle, to the one before":   {progress.Rolling, 0, 2, cancel, true, ""},
		"after a failure, to the one before": {progress.Failed, 0, 2, cancel, true, ""},
		"in the middle, to what is live":     {progress.Rolling, 2, 2, cancel, true, ""},
		"in the middle, to what is asked":    {progress.Rolling, 4, 4, nil, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := undoOf(withHistory(t, c.phase), c.number, noon)
			if c.err != "" {
				assert.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.to, u.to.Number)
			assert.Equal(t, c.cancels, u.cancels)
			if c.body == nil {
				assert.Nil(t, u.edit)
				return
			}
			assert.Equal(t, c.body, u.edit.Body)
		})
	}
	_, err := undoOf(past{}, 0, noon)
	assert.ErrorContains(t, err, "no rollout history found")
}

// In the middle of a rollout the whole object is sent, without what tells one that was read
// before: a part of what was requested would stay otherwise.
func TestUndoInTheMiddle(t *testing.T) {
	for _, phase := range []progress.Phase{progress.Rolling, progress.Promoting} {
		u, err := undoOf(withHistory(t, phase), 1, noon)
		require.NoError(t, err)
		assert.Empty(t, u.edit.Type)
		object := u.edit.Body.(interface {
			metav1.Object
		})
		assert.Empty(t, object.GetUID())
		assert.Equal(t, map[string]string{api.MaxSurgeAnnotation: "2"}, object.GetAnnotations())
		assert.Equal(t, "42", object.GetResourceVersion())
	}
}

// Pods are replaced by an undo, where the change alone would not do that, too.
func TestUndoRestarts(t *testing.T) {
	p := withHistory(t, progress.Complete)
	wanted := p.rollout.Live.DeepCopy()
	wanted["template"].(map[string]any)["spec"].(map[string]any)["nodeName"] = "a"
	restarted := func() string {
		edit := templatePatch(p, wanted, noon)
		assert.Equal(t, types.StrategicMergePatchType, edit.Type)
		return api.Spec(edit.Body.(map[string]any)["spec"].(map[string]any)).TemplateAnnotation("kubectl.kubernetes.io/restartedAt")
	}
	assert.Equal(t, "2026-01-01T12:00:00Z", restarted())
	p.rc.SetAnnotations(map[string]string{api.TriggerAnnotation: api.TriggerTemplate})
	assert.Empty(t, restarted())
}

// The hash label stays where it is, whatever its key.
func TestUndoKeepsTheHashLabel(t *testing.T) {
	p := withHistory(t, progress.Complete)
	label := map[string]string{"example.com/hash": hashOf("tomcat:7")}
	live := spec("tomcat:7").Labelled(nil, map[string]string{"app": "tomcat"})
	p.revisions[1].Hash, p.rollout.Live = live.Hash(api.DefaultHashLabelKey), live.Labelled(label, label)
	u, err := undoOf(p, 2, noon)
	require.NoError(t, err)
	assert.Nil(t, u.edit, "it is live")
	u, err = undoOf(p, 1, noon)
	require.NoError(t, err)
	assert.Equal(t, label, api.Spec(u.edit.Body.(map[string]any)["spec"].(map[string]any)).TemplateLabels())
}

func TestBare(t *testing.T) {
	for _, name := range []string{"tomcat", "rc/tomcat", "replicationcontroller/tomcat", "replicationcontrollers/tomcat"} {
		assert.Equal(t, "tomcat", bare(name))
	}
}

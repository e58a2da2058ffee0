package rollingupdate

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/exit"
	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/test/golden/messages"
)

// execute is what the command prints for arguments that are wrong, whatever the cluster.
func execute(t *testing.T, args ...string) messages.Message {
	t.Helper()
	streams, _, _, _ := genericiooptions.NewTestIOStreams()
	var errOut bytes.Buffer
	command := NewCommand(streams, "v0.1.0")
	command.SetArgs(append([]string{"--kubeconfig=" + filepath.Join(t.TempDir(), "none")}, args...))
	code := exit.Run(t.Context(), command, &errOut)
	assert.Equal(t, 1, code)
	return messages.Message{When: "kubectl rolling-update " + strings.Join(args, " "), Text: strings.TrimSpace(errOut.String())}
}

func TestMessages(t *testing.T) {
	failed := with(at(progress.Failed, 5, 1), saying("Replacing the pods of tomcat by those of tomcat-0123: no progress for 6s: ImagePullBackOff"))
	messages.Check(t,
		execute(t),
		execute(t, "tomcat"),
		execute(t, "tomcat", "--image=tomcat:8", "-f", "rc.yaml"),
		execute(t, "tomcat", "-f", "rc.yaml", "-f", "rc2.yaml"),
		execute(t, "tomcat", "--image=tomcat:8", "--deployment-label-key="),
		execute(t, "tomcat", "--rollback", "-f", "rc.yaml"),
		execute(t, "tomcat", "tomcat", "--image=tomcat:8"),
		execute(t, "a", "b", "c", "--image=tomcat:8"),
		execute(t, "--deployment-label-key="),
		messages.Error("--container names none", errNoContainer("tomat")),
		messages.Error("several containers, no --container", errContainer),
		messages.Error("the same image, no pull policy", errPullPolicy),
		messages.Error("back to the live image, no --rollback", errInProgress("tomcat:8")),
		messages.Error("nothing to roll back", errNothingToRollBack("tomcat")),
		messages.Error("nothing of that name to roll back", errNoSuchUpdate("tomcat-8")),
		messages.Error("a rollback during the promotion", errTooLate("tomcat")),
		messages.Error("a rollback to another image", errRollbackImage("tomcat:9", []string{"tomcat:7"})),
		messages.Error("a file of another name", errOtherName("rc.yaml", "tomcat-9", "tomcat-8")),
		messages.Error("a file of another namespace", errOtherNamespace("rc.yaml", "shop", "default")),
		messages.Error("the new name is in use", errExists("tomcat", "tomcat-8")),
		messages.Error("another one would take the pods", errOverlap("web", "tomcat")),
		messages.Error("pods are missing at the end", errNotWhole("tomcat")),
		messages.Error("it is not deleted", errNotGone("tomcat")),
		messages.Error("not renamed", errNotRenamed("tomcat", "tomcat-8", errChangedBeforeRenaming(at(progress.Rolling, 5, 1)))),
		messages.Error("a file with two objects", errManyItems("rc.yaml")),
		messages.Error("an empty file", errEmptyFile("rc.yaml")),
		messages.Error("a file with something else", errNoRC("rc.yaml", "/v1, Kind=Service")),
		messages.Error("no rcroll", errNotReviewed("tomcat")),
		messages.Error("an edit that is taken back", errNoChange("tomcat")),
		messages.Error("failed", errFailed(failed)),
		messages.Error("timed out", errTimedOut(5*time.Minute, at(progress.Rolling, 5, -1))),
		messages.Error("timed out, and there is a condition", errTimedOut(5*time.Minute, failed)),
		messages.Error("deleted", errDeleted("rc/tomcat")),
		messages.Error("cancelled", errCancelled(at(progress.Complete, 5, -1))),
		messages.Error("changed", errChanged(with(at(progress.Rolling, 5, 1), changed))),
		messages.Error("a rollback that became a rollout", errNotCancelled(with(at(progress.Rolling, 5, 1), changed))),
		messages.Message{When: "the end of waiting", Text: goOn("tomcat", (&options{name: "tomcat", image: "tomcat:8"}).again())},
		messages.Message{When: "the end of waiting for a container", Text: goOn("tomcat", (&options{name: "tomcat", image: "tomcat:8", container: "tomcat"}).again())},
		messages.Message{When: "the end of waiting for a file", Text: goOn("tomcat", (&options{name: "tomcat", filenames: []string{"rc.yaml"}}).again())},
		messages.Message{When: "the end of waiting for another name", Text: (&options{name: "tomcat", newName: "tomcat-8", image: "tomcat:8"}).goOn()},
		messages.Message{When: "the end of waiting for a rollback", Text: goOnRollback("tomcat")},
		messages.Message{When: "paused", Text: pausedNotice("tomcat")},
		messages.Message{When: "--deployment-label-key=hash", Text: keyNotice("hash")},
	)
}

func rc(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := api.EmptyRC()
	require.NoError(t, object.UnmarshalJSON([]byte(text)))
	return object
}

const tomcatRC = `{"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"tomcat","namespace":"shop","uid":"1","resourceVersion":"5","generation":3,
"labels":{"app":"tomcat","rcroll.dev/rolling":"true"},"annotations":{"note":"mine","rcroll.dev/max-surge":"2","rcroll.dev/requested-by":"alice"}},
"spec":{"replicas":3,"selector":{"app":"tomcat"},"template":{"metadata":{"labels":{"app":"tomcat"}},"spec":{"containers":[{"name":"tomcat","image":"tomcat:7"}]}}}}`

func TestImageEdit(t *testing.T) {
	live := rc(t, strings.ReplaceAll(tomcatRC, `"rcroll.dev/rolling":"true"`, `"tier":"web"`))
	before := progress.Of(live, nil)
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	period := time.Second
	for name, c := range map[string]struct {
		options options
		want    map[string]any
		err     error
	}{
		"an image":          {options: options{image: "tomcat:8"}, want: map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "tomcat", "image": "tomcat:8"}}}}}}},
		"a period":          {options: options{image: "tomcat:8", period: &period}, want: map[string]any{"metadata": map[string]any{"annotations": map[string]any{api.UpdatePeriodAnnotation: "1s"}}, "spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "tomcat", "image": "tomcat:8"}}}}}}},
		"the same image":    {options: options{image: "tomcat:7"}, err: errPullPolicy},
		"no such container": {options: options{image: "tomcat:8", container: "x"}, err: errNoContainer("x")},
		"the same image, a policy": {options: options{image: "tomcat:7", pullPolicy: "Always"}, want: map[string]any{"spec": map[string]any{"template": map[string]any{
			"metadata": map[string]any{"annotations": map[string]any{"kubectl.kubernetes.io/restartedAt": "2026-01-01T12:00:00Z"}},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": "tomcat", "image": "tomcat:7", "imagePullPolicy": "Always"}}}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			edit, err := c.options.imageEdit(live, before, now)
			assert.Equal(t, c.err, err)
			if c.want != nil {
				assert.Equal(t, c.want, edit.Body)
			}
		})
	}
}

// A half-way update to an image is followed if it is asked for again, superseded by
// another image, and not mistaken for a rollback.
func TestImageEditHalfway(t *testing.T) {
	before := at(progress.Rolling, 3, 2)
	_, err := (&options{image: "tomcat:7"}).imageEdit(rc(t, tomcatRC), before, time.Time{})
	assert.Equal(t, errInProgress("tomcat:8"), err)
	for _, image := range []string{"tomcat:8", "tomcat:9"} {
		_, err := (&options{image: image}).imageEdit(rc(t, tomcatRC), before, time.Time{})
		assert.NoError(t, err)
	}
}

// The file is sent as a manifest; what is rcroll's stays out, what is the user's stays.
func TestFromFile(t *testing.T) {
	live := rc(t, tomcatRC)
	file := rc(t, `{"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"tomcat","labels":{"tier":"web"}},
		"spec":{"template":{"metadata":{"labels":{"app":"tomcat"}},"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}}`)
	object := (&options{}).fromFile(live, file, progress.Of(live, nil))
	assert.Empty(t, object.GetUID())
	assert.Empty(t, object.GetResourceVersion())
	assert.Equal(t, map[string]string{"app": "tomcat", "tier": "web"}, object.GetLabels())
	assert.Equal(t, map[string]string{"note": "mine", api.MaxSurgeAnnotation: "2"}, object.GetAnnotations())
	assert.EqualValues(t, 3, api.SpecOf(object).Replicas())
	assert.Equal(t, map[string]string{"containers/tomcat": "tomcat:8"}, api.SpecOf(object).Images())
}

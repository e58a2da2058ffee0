package rcroll

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
)

const liveHash = "0123456789abcdef0123456789abcdef"

// converted is what convert prints, on stdout and on stderr.
func converted(t *testing.T, annotations map[string]string) string {
	t.Helper()
	rc := api.EmptyRC()
	rc.SetName("tomcat")
	rc.SetNamespace("shop")
	rc.SetLabels(map[string]string{"app": "tomcat"})
	rc.SetAnnotations(annotations)
	selector := map[string]string{"app": "tomcat", "deployment": liveHash}
	rc.Object["spec"] = map[string]any(spec("tomcat:7").Labelled(selector, selector))
	var out bytes.Buffer
	e := &environment{IOStreams: genericiooptions.IOStreams{Out: &out, ErrOut: &out}}
	require.NoError(t, e.convert(rc, progress.Of(rc, nil), "yaml"))
	return out.String()
}

// The Deployment has nothing of rcroll in it, and has fields of the right types.
func TestConvert(t *testing.T) {
	rc := api.EmptyRC()
	rc.SetName("tomcat")
	rc.SetAnnotations(map[string]string{api.ProgressDeadlineAnnotation: "1500ms", api.MaxSurgeAnnotation: "10%", "kubectl.kubernetes.io/last-applied-configuration": "{}"})
	selector := map[string]string{"app": "tomcat", "example.com/hash": liveHash}
	live := spec("tomcat:7").Labelled(selector, selector)
	live["minReadySeconds"] = int64(7)
	live["template"].(map[string]any)["spec"].(map[string]any)["fieldOfTomorrow"] = "kept"
	rc.Object["spec"] = map[string]any(live)

	object := deploymentOf(rc, progress.Of(rc, nil))
	assert.Equal(t, "kept", object.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["fieldOfTomorrow"])
	var deployment appsv1.Deployment
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &deployment))
	assert.Empty(t, deployment.Annotations)
	assert.Equal(t, map[string]string{"app": "tomcat"}, deployment.Spec.Selector.MatchLabels)
	assert.Equal(t, map[string]string{"app": "tomcat"}, deployment.Spec.Template.Labels)
	assert.EqualValues(t, 5, *deployment.Spec.Replicas)
	assert.EqualValues(t, 7, deployment.Spec.MinReadySeconds)
	assert.EqualValues(t, 8, *deployment.Spec.ProgressDeadlineSeconds, "more than minReadySeconds")
	assert.Equal(t, "10%", deployment.Spec.Strategy.RollingUpdate.MaxSurge.StrVal)
	assert.Equal(t, 0, deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue())

	err := (&environment{}).convert(rc, at(progress.Rolling), "yaml")
	assert.ErrorContains(t, err, "a rolling update is in progress")
}

package policies

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

// controlled makes a ReplicationController of something of another kind, and an edit and
// a scale of it that have to be stored as they are.
func controlled(t *testing.T) func(when string) {
	t.Helper()
	ns := namespace(t, nil)
	admin := harness.Cluster(t).Client.CoreV1()
	// It stands for the owner, which the garbage collector looks for.
	owner, err := admin.ConfigMaps(ns).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "frontend"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	create(t, ns, harness.NewRC("tomcat", func(rc *corev1.ReplicationController) {
		rc.Spec.Replicas = ptr.To[int32](2)
		rc.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("ConfigMap"))}
	}))
	rcs := admin.ReplicationControllers(ns)
	return func(when string) {
		t.Helper()
		for _, image := range []string{"tomcat:8", "tomcat:9"} {
			text := `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"` + image + `"}]}}}}`
			edited, err := rcs.Patch(t.Context(), "tomcat", types.StrategicMergePatchType, []byte(text), metav1.PatchOptions{})
			require.NoError(t, err, when)
			assert.Equal(t, image, edited.Spec.Template.Spec.Containers[0].Image, when)
			assert.Empty(t, edited.Annotations, when)
			assert.NotContains(t, edited.Labels, api.RollingLabel, when)
		}
		for _, replicas := range []int32{4, 2} {
			_, err = rcs.UpdateScale(t.Context(), "tomcat", scaleTo("tomcat", ns, replicas), metav1.UpdateOptions{})
			require.NoError(t, err, when)
			scaled, err := rcs.Get(t.Context(), "tomcat", metav1.GetOptions{})
			require.NoError(t, err, when)
			assert.Equal(t, replicas, *scaled.Spec.Replicas, when)
		}
	}
}

// What another kind controls (a DeploymentConfig, say) is edited and scaled as without
// rcroll.
func TestControlledByAnotherKind(t *testing.T) {
	t.Parallel()
	controlled(t)("while the webhook runs")
}

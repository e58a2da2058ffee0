package policies

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

const (
	imagePatch = `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}}`
	scalePatch = `{"spec":{"replicas":3}}`
)

// question is a dry run in somebody's name.
var question = metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: api.VerdictFieldManager}

// inTheNameOf is the webhook asking in somebody's name.
func inTheNameOf(t *testing.T, identity rest.ImpersonationConfig) kubernetes.Interface {
	config := config(t, harness.Webhook)
	config.Impersonate = identity
	return client(t, config)
}

// The webhook asks what a user's write would store, in that user's name. It may do that,
// as far as the user may write, and nothing else; the webhook itself is not called.
func TestQuestionsInTheNameOfUsers(t *testing.T) {
	t.Parallel()
	harness.Since(t, 36, "constrained impersonation")
	ns := namespace(t, nil)
	create(t, ns, harness.NewRC("tomcat"))
	user(t, ns, "alice", rcRule("replicationcontrollers", "replicationcontrollers/scale"))
	user(t, ns, "system:serviceaccount:"+ns+":deployer", rcRule("replicationcontrollers", "replicationcontrollers/scale"))

	for name, identity := range map[string]rest.ImpersonationConfig{
		"a user": {UserName: "alice", Groups: []string{"dev", "system:authenticated"}},
		"a user with a UID and a credential": {UserName: "alice", UID: "1", Extra: map[string][]string{
			"authentication.kubernetes.io/credential-id": {"X509SHA256=00"},
		}},
		"a ServiceAccount": {UserName: "system:serviceaccount:" + ns + ":deployer"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := inTheNameOf(t, identity).CoreV1().ReplicationControllers(ns)
			rc, err := asked.Patch(t.Context(), "tomcat", types.StrategicMergePatchType, []byte(imagePatch), question)
			require.NoError(t, err)
			assert.Equal(t, "tomcat:8", rc.Spec.Template.Spec.Containers[0].Image, "the webhook is not called")
			assert.Empty(t, rc.Annotations[api.RequestAnnotation])
			_, err = asked.Patch(t.Context(), "tomcat", types.MergePatchType, []byte(scalePatch), question, "scale")
			require.NoError(t, err)
			_, err = asked.UpdateScale(t.Context(), "tomcat", scaleTo("tomcat", ns, 3),
				metav1.UpdateOptions{DryRun: question.DryRun, FieldManager: question.FieldManager})
			require.NoError(t, err)
			_, err = asked.Get(t.Context(), "tomcat", metav1.GetOptions{})
			assert.True(t, apierrors.IsForbidden(err), "it reads in nobody's name: %v", err)
			assert.True(t, apierrors.IsForbidden(asked.Delete(t.Context(), "tomcat", metav1.DeleteOptions{})), "nor deletes")
		})
	}
	for name, identity := range map[string]rest.ImpersonationConfig{
		"a user without the right": {UserName: "bob", Groups: []string{"system:authenticated"}},
		"system:masters":           {UserName: "bob", Groups: []string{"system:masters"}},
		"a node":                   {UserName: "system:node:node-0"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := inTheNameOf(t, identity).CoreV1().ReplicationControllers(ns)
			_, err := asked.Patch(t.Context(), "tomcat", types.StrategicMergePatchType, []byte(imagePatch), question)
			assert.True(t, apierrors.IsForbidden(err), "%v", err)
		})
	}
	stored, err := harness.Cluster(t).Client.CoreV1().ReplicationControllers(ns).Get(t.Context(), "tomcat", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, "tomcat:7", stored.Spec.Template.Spec.Containers[0].Image)
	assert.Zero(t, *stored.Spec.Replicas)
}

// Another dry run is the user's own question, and goes to the webhook; and what is stored
// goes there whatever its field manager is called.
func TestOnlyQuestionsPassTheWebhook(t *testing.T) {
	t.Parallel()
	s := harness.Given(t, tomcat(t))
	for name, options := range map[string]metav1.PatchOptions{
		"a dry run by another manager": {DryRun: question.DryRun, FieldManager: "kubectl"},
		"no dry run":                   {FieldManager: question.FieldManager},
	} {
		rc, err := s.RCs().Patch(t.Context(), "tomcat", types.StrategicMergePatchType, []byte(imagePatch), options)
		require.NoError(t, err, name)
		assert.Equal(t, "tomcat:7", rc.Spec.Template.Spec.Containers[0].Image, name)
		assert.NotEmpty(t, rc.Annotations[api.RequestAnnotation], name)
	}
}

func scaleTo(name, namespace string, replicas int32) *autoscalingv1.Scale {
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec:       autoscalingv1.ScaleSpec{Replicas: replicas},
	}
}

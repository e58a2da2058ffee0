package rollouts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// A policy judges the user's own object and the user: what alice may not write she does
// not get through rcroll.
func TestPolicyByUser(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	alice := s.Namespace + "-alice"
	s.Kubectl("create", "role", "edit-rcs", "--verb=get,list,update,patch", "--resource=replicationcontrollers,replicationcontrollers/scale")
	s.Kubectl("create", "rolebinding", "edit-rcs", "--role=edit-rcs", "--user="+alice)
	s.denyRCs("request.userInfo.username != '"+alice+"' || object.spec.template.spec.containers.all(c, !c.image.endsWith(':13'))",
		"alice may not use 13", "--as", alice, "patch", "rc/tomcat", "--dry-run=server", "-p",
		`{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:13"}]}}}}`)
	s.ExpectUnchanged(func() {
		s.ExpectRefused("alice may not use 13", "--as", alice, "set", "image", "rc/tomcat", "tomcat=tomcat:13")
	})
	s.Kubectl("--as", alice, "set", "image", "rc/tomcat", "tomcat=tomcat:12")
	pending := s.Await("a request", harness.Pending)
	assert.Equal(t, alice, pending.RC.Annotations[api.RequestedByAnnotation])
	_, err := time.Parse(time.RFC3339, pending.RC.Annotations[api.RequestedAtAnnotation])
	assert.NoError(t, err)
	s.ExpectRefused("alice may not use 13", "--as", alice, "set", "image", "rc/tomcat", "tomcat=tomcat:13")
	s.AwaitRollout("tomcat:12", 5)
	s.Expect(harness.SurgeOne(5))
}

// A policy that every ReplicationController has a label is met by the user's object,
// and by what the agent makes of it.
func TestPolicyByLabel(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, func(rc manifest.RC) { rc.Metadata()["labels"] = map[string]any{"team": "web"} }))
	s.denyRCs("'team' in object.metadata.?labels.orValue({})", "every ReplicationController names its team", "label", "rc/tomcat", "team-", "--dry-run=server")
	s.SetImage("tomcat=tomcat:8")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// The warnings are those about what is asked for.
func TestWarningsOfTheRequest(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.Kubectl("label", "namespace", s.Namespace, "pod-security.kubernetes.io/warn=restricted")
	told := s.Kubectl("patch", "rc/tomcat", "-p", `{"spec":{"template":{"spec":{"hostPID":true,"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}}`)
	assert.Contains(t, told.Stderr, "hostPID=true")
}

// Fields that the API server drops or adds are no reason to roll out again.
func TestRequestIsWhatWouldBeStored(t *testing.T) {
	t.Parallel()
	t.Run("an empty list", func(t *testing.T) {
		s := given(t, manifest.Tomcat(t, manifest.Env("DEBUG", "1"), manifest.Env("TRACE", "1"), manifest.Replicas(3)))
		s.SetImage("tomcat=tomcat:8")
		s.Kubectl("set", "env", "rc/tomcat", "DEBUG-")
		s.Kubectl("set", "env", "rc/tomcat", "TRACE-")
		s.AwaitRollout("tomcat:8", 3)
		assert.Empty(t, s.Stored().Spec.Template.Spec.Containers[0].Env)
		s.neverRollsAgain()
	})
	t.Run("a field behind a feature gate", func(t *testing.T) {
		gated := func(rc manifest.RC) {
			rc.PodSpec()["os"] = map[string]any{"name": "linux"}
			rc.Containers("containers")[0]["lifecycle"] = map[string]any{"stopSignal": "SIGQUIT"}
		}
		rc := manifest.Tomcat(t, gated, manifest.Replicas(3))
		s := given(t, rc)
		s.Apply(rc.With(manifest.Image("tomcat:8")))
		s.AwaitRollout("tomcat:8", 3)
		s.Expect(harness.SurgeOne(3))
		s.neverRollsAgain()
	})
}

// A template that is stored otherwise than it was requested, by a policy that comes in
// the middle of the rollout, ends the rollout all the same, and the difference is told.
func TestLateMutator(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Annotated(api.UpdatePeriodAnnotation, "1s"), manifest.Replicas(3)))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.mutateRCs("UPDATE", `Object{spec: Object.spec{template: Object.spec.template{metadata: Object.spec.template.metadata{annotations: {"example.com/stamp": "1"}}}}}`)
	s.AwaitEvent("tomcat has the requested template, except for spec.template.metadata.annotations")
	end := s.Await("the end", func(m observe.Moment) bool { return m.RC != nil && !harness.Pending(m) && len(m.Owned()) == 0 })
	assert.Equal(t, "tomcat:8", end.RC.Spec.Template.Spec.Containers[0].Image)
	progressing := harness.Condition(end.RC, rollout.Progressing)
	require.NotNil(t, progressing)
	assert.Equal(t, corev1.ConditionTrue, progressing.Status)
	assert.Contains(t, progressing.Message, "spec.template.metadata.annotations.example.com/stamp")
	s.neverRollsAgain()
}

// neverRollsAgain watches for a while that no further pod is created.
func (s *scenario) neverRollsAgain() {
	s.Helper()
	names := func() string {
		return s.Kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.uid}").Stdout
	}
	before := names()
	for range 10 {
		time.Sleep(500 * time.Millisecond)
		require.Equal(s, before, names(), "pods were replaced again")
	}
	assert.Empty(s, s.Stored().Annotations[api.RequestAnnotation])
}

package rollouts

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// deniedStep is what denyThirdPod says.
const deniedStep = "no more than 2 replicas here"

// denyThirdPod has the API server refuse the agent to scale a new ReplicationController
// beyond 2, which no edit could foresee.
func (s *scenario) denyThirdPod() {
	s.Helper()
	s.denyRCs("!('trial' in object.metadata.?annotations.orValue({})) && (object.metadata.name == 'tomcat' || object.spec.replicas <= 2"+
		" || request.userInfo.username != '"+harness.Account("rcroll-agent")+"')",
		deniedStep, "annotate", "rc/tomcat", "trial=1", "--dry-run=server")
}

// A policy that refuses a step fails the rollout at the deadline, in its own words, and
// when it allows the step the rollout goes on by itself.
func TestStepRefused(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Annotated(api.ProgressDeadlineAnnotation, deadline)))
	s.denyThirdPod()
	s.SetImage("tomcat=tomcat:8")
	failed := s.AwaitFailure(rollout.ReasonStepFailed, "no progress for "+deadline, deniedStep)
	assert.GreaterOrEqual(t, failed.Available(), 5)
	assert.Len(t, failed.WithImage("tomcat:8"), 2)

	s.Kubectl("patch", "validatingadmissionpolicybinding/"+s.Namespace, "--type=merge", "-p", `{"spec":{"validationActions":["Audit"]}}`)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// The same, where the rollout is to be rolled back.
func TestStepRefusedRollsBack(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t, manifest.Annotated(api.ProgressDeadlineAnnotation, deadline, api.OnFailureAnnotation, string(api.Rollback))))
	s.denyThirdPod()
	s.SetImage("tomcat=tomcat:8")
	s.AwaitFailedRollback("tomcat:7", 5, deniedStep)
}

// An object that has the name of the new ReplicationController is reported, whoever made
// it and whatever it refers to, and the rollout goes on when it is gone.
func TestNameHeld(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	name := s.Await("a new ReplicationController", func(m observe.Moment) bool { return len(m.Owned()) == 1 }).Owned()[0].Name
	s.Kubectl("annotate", s.Ref(), api.RequestAnnotation+"-")
	s.AwaitRollback("tomcat:7", 5)

	forged := manifest.Tomcat(t, manifest.Named(name), manifest.Replicas(0), manifest.Selecting(map[string]string{"app": "forged"}),
		manifest.PodLabelled(map[string]string{"app": "forged"}))
	forged.Metadata()["ownerReferences"] = []any{map[string]any{"apiVersion": "v1", "kind": "ReplicationController", "name": "tomcat",
		"uid": string(s.Stored().UID), "controller": true}}
	s.KubectlWithInput(forged.YAML(t), "create", "-f", "-")
	s.SetImage("tomcat=tomcat:8")
	blocked := s.Await("the name is reported", func(m observe.Moment) bool {
		stalled := harness.Condition(m.RC, rollout.Stalled)
		return stalled != nil && stalled.Reason == rollout.ReasonNameConflict
	})
	progressing := harness.Condition(blocked.RC, rollout.Progressing)
	require.NotNil(t, progressing)
	assert.Equal(t, corev1.ConditionFalse, progressing.Status)
	assert.Contains(t, progressing.Message, name)

	s.Kubectl("delete", "rc", name)
	s.AwaitRollout("tomcat:8", 5)
}

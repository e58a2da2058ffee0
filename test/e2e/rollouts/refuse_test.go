package rollouts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// What the API server would refuse is refused when it is asked for, in its own words,
// and nothing of it is recorded.
func TestInvalidTemplates(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	patches := map[string]struct{ patch, says string }{
		"image": {
			`{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":""}]}}}}`,
			`spec.template.spec.containers[0].image: Required value`,
		},
		"port": {
			`{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8","ports":[{"containerPort":99999}]}]}}}}`,
			`containerPort: Invalid value: 99999: must be between 1 and 65535, inclusive`,
		},
		"selector": {
			`{"spec":{"selector":{"app":"other"},"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}}`,
			"`selector` does not match template `labels`",
		},
		"value": {
			`{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8","imagePullPolicy":"Sometimes"}]}}}}`,
			`containers[0].imagePullPolicy: Unsupported value: "Sometimes"`,
		},
		"replicas": {
			`{"spec":{"replicas":-1,"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}}`,
			`spec.replicas: Invalid value: -1: must be greater than or equal to 0`,
		},
	}
	for name, patch := range patches {
		t.Run(name, func(t *testing.T) {
			s := s.For(t)
			s.ExpectUnchanged(func() { s.ExpectRefused(patch.says, "patch", "rc/tomcat", "-p", patch.patch) })
		})
	}
}

// A second edit that is bad is refused like a first one, and the rollout under way
// goes on as if nobody had asked.
func TestInvalidTemplateWhileRolling(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.halfwayAtRest()
	s.ExpectUnchanged(func() {
		s.ExpectRefused("spec.template.spec.containers[0].image: Required value", "patch", "rc/tomcat", "--type=json",
			"-p", `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":""}]`)
		s.ExpectRefused(`metadata.annotations[rcroll.dev/update-period]: Invalid value: "soon"`, "annotate", "rc/tomcat", api.UpdatePeriodAnnotation+"=soon")
	})
	s.Kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// What the cluster's administrators do not allow is refused when it is asked for.
func TestDeniedByTheCluster(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.Kubectl("create", "quota", "one-rc", "--hard=count/replicationcontrollers=1")
	s.Await("the quota counts", func(observe.Moment) bool {
		return s.Kubectl("get", "quota/one-rc", "-o", "jsonpath={.status.used}").Stdout != ""
	})
	s.ExpectUnchanged(func() {
		s.ExpectRefused("exceeded quota: one-rc, requested: count/replicationcontrollers=1, used: count/replicationcontrollers=1, limited: count/replicationcontrollers=1",
			"set", "image", "rc/tomcat", "tomcat=tomcat:8")
	})
	s.Kubectl("delete", "quota/one-rc")
	s.denyImages("tomcat:denied")
	// The policy is compiled a moment after it was written.
	require.Eventually(t, func() bool {
		return s.TryKubectl("", "run", "trial", "--image=tomcat:denied", "--dry-run=server").ExitCode != 0
	}, harness.Patience, 100*time.Millisecond)
	s.ExpectUnchanged(func() {
		s.ExpectRefused("only approved images may run here", "set", "image", "rc/tomcat", "tomcat=tomcat:denied")
	})
	s.SetImage("tomcat=tomcat:8")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// denyImages has a ValidatingAdmissionPolicy deny an image in the scenario's
// namespace, in pods and in what makes them.
func (s *scenario) denyImages(image string) {
	s.Helper()
	s.installPolicy(validating, fmt.Sprintf(`
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], resources: [pods, replicationcontrollers], operations: [CREATE, UPDATE]}
  validations:
  - expression: "(object.kind == 'Pod' ? object.spec : object.spec.template.spec).containers.all(c, c.image != '%s')"
    message: only approved images may run here`, image))
}

// All annotations of an object together may take 256 KiB. A request that finds no
// room among them is refused with a way out.
func TestNoRoomForTheRequest(t *testing.T) {
	t.Parallel()
	big := manifest.Env("BIG", strings.Repeat("x", 140<<10))
	s := given(t, manifest.Tomcat(t, big), "--server-side")
	s.Kubectl("annotate", "rc/tomcat", "note="+strings.Repeat("x", 120<<10))
	s.ExpectUnchanged(func() {
		s.ExpectRefused("note takes 122880 bytes: shorten it or the pod template", "set", "image", "rc/tomcat", "tomcat=tomcat:8")
	})
	s.Kubectl("annotate", "rc/tomcat", "note-")
	s.SetImage("tomcat=tomcat:8")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// What rcroll writes for itself nobody else may write.
func TestForgery(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	const says = "may only be set by rcroll"
	s.ExpectUnchanged(func() {
		s.ExpectRefused(says, "annotate", "rc/tomcat", api.CommandAnnotation+`={"operation":"Scale","replicas":0}`)
		s.ExpectRefused(says, "annotate", "rc/tomcat", api.RequestAnnotation+`={"replicas":0,"template":{}}`)
		s.ExpectRefused(says, "label", "rc/tomcat", api.RollingLabel+"=true")
		s.ExpectRefused(says, "patch", "rc/tomcat", "-p",
			`{"spec":{"selector":{"`+api.SealedLabel+`":"x"},"template":{"metadata":{"labels":{"`+api.SealedLabel+`":"x"}}}}}`)
		s.ExpectRefused(says, "patch", "rc/tomcat", "-p", `{"spec":{"template":{"metadata":{"labels":{"`+api.AdoptingLabel+`":"x"}}}}}`)
	})

	at := s.halfwayAtRest()
	s.ExpectUnchanged(func() {
		s.ExpectRefused(says, "annotate", "--overwrite", "rc/tomcat", api.RequestAnnotation+`={"replicas":0,"template":{}}`)
		s.ExpectRefused(says, "label", "--overwrite", "rc/tomcat", api.RollingLabel+"=false")
		s.ExpectRefused(says, "annotate", "rc/tomcat", api.CommandAnnotation+`={"operation":"Seal","replicas":0}`)
	})
	s.ignoresEditsOfNewRC(at)
	s.Kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// ignoresEditsOfNewRC tries to edit what belongs to a rollout under way.
func (s *scenario) ignoresEditsOfNewRC(m observe.Moment) {
	s.Helper()
	require.Len(s, m.Owned(), 1)
	newRC := "rc/" + m.Owned()[0].Name
	ignored := func(args ...string) {
		out := s.Kubectl(args...)
		assert.Contains(s, out.Stderr, newRC+": not changed: it is managed by rcroll for rc/tomcat; edit rc/tomcat instead")
	}
	s.ExpectUnchanged(func() {
		ignored("set", "image", newRC, "tomcat=tomcat:9")
		ignored("annotate", newRC, "note=mine")
		ignored("label", newRC, api.RollingLabel+"-")
	})
	// Of this the API server notes who did it.
	ignored("scale", newRC, "--replicas=9")
	assert.Equal(s, m.Owned()[0].Replicas(), s.Now().Owned()[0].Replicas())
}

// An exported ReplicationController that was rolling is a plain one where it is
// created again.
func TestCreateStripsTraces(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	m := manifest.Tomcat(t, manifest.Annotated(api.RequestAnnotation, `{"replicas":9,"template":{}}`, api.CommandAnnotation, `{"operation":"Seal"}`))
	m.Metadata()["labels"] = map[string]any{api.RollingLabel: "true"}
	s.KubectlWithInput(m.YAML(t), "create", "-f", "-")
	s.Await("it serves", harness.Serves("tomcat:7", 5))
}

// While pods are adopted a ReplicationController manager that does not see them yet
// would create others in their place. The API server does not let it.
func TestNoPodIsCreatedWhilePodsAreAdopted(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"surplus","labels":{"app":"tomcat","` + api.AdoptingLabel + `":"x"}},
		"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}`
	refused := s.TryKubectl(pod, "create", "-f", "-")
	assert.NotZero(t, refused.ExitCode)
	assert.Contains(t, refused.Stderr, "rcroll")
	assert.Empty(t, s.Now().Pods)
}

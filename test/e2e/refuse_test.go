package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/observe"
)

// What the API server would refuse is refused when it is asked for, in its own words,
// and nothing of it is recorded.
func TestInvalidTemplates(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
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
			s := &scenario{T: t, Observer: s.Observer, namespace: s.namespace, name: s.name}
			s.leavesNoTrace(func() { s.refused(patch.says, "patch", "rc/tomcat", "-p", patch.patch) })
		})
	}
}

// A second edit that is bad is refused like a first one, and the rollout under way
// goes on as if nobody had asked.
func TestInvalidTemplateWhileRolling(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.halfwayAtRest()
	s.leavesNoTrace(func() {
		s.refused("spec.template.spec.containers[0].image: Required value", "patch", "rc/tomcat", "--type=json",
			"-p", `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":""}]`)
		s.refused(`metadata.annotations[rcroll.dev/update-period]: Invalid value: "soon"`, "annotate", "rc/tomcat", api.UpdatePeriodAnnotation+"=soon")
	})
	s.kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

// What the cluster's administrators do not allow is refused when it is asked for.
func TestDeniedByTheCluster(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	s.kubectl("create", "quota", "one-rc", "--hard=count/replicationcontrollers=1")
	s.await("the quota counts", func(observe.Moment) bool {
		return s.kubectl("get", "quota/one-rc", "-o", "jsonpath={.status.used}").stdout != ""
	})
	s.leavesNoTrace(func() {
		s.refused("exceeded quota: one-rc, requested: count/replicationcontrollers=1, used: count/replicationcontrollers=1, limited: count/replicationcontrollers=1",
			"set", "image", "rc/tomcat", "tomcat=tomcat:8")
	})
	s.kubectl("delete", "quota/one-rc")
	s.denyImages("tomcat:denied")
	// The policy is compiled a moment after it was written.
	require.Eventually(t, func() bool {
		return s.try("", "run", "trial", "--image=tomcat:denied", "--dry-run=server").exitCode != 0
	}, patience, 100*time.Millisecond)
	s.leavesNoTrace(func() {
		s.refused("only approved images may run here", "set", "image", "rc/tomcat", "tomcat=tomcat:denied")
	})
	s.setImage("tomcat=tomcat:8")
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

// denyImages has a ValidatingAdmissionPolicy deny an image in the scenario's
// namespace, in pods and in what makes them.
func (s *scenario) denyImages(image string) {
	s.Helper()
	s.feed(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], resources: [pods, replicationcontrollers], operations: [CREATE, UPDATE]}
  validations:
  - expression: "(object.kind == 'Pod' ? object.spec : object.spec.template.spec).containers.all(c, c.image != '%[2]s')"
    message: only approved images may run here
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec:
  policyName: %[1]s
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}}
`, s.namespace, image), "create", "-f", "-")
	s.Cleanup(func() {
		s.kubectl("delete", "validatingadmissionpolicy/"+s.namespace, "validatingadmissionpolicybinding/"+s.namespace)
	})
}

// All annotations of an object together may take 256 KiB. A request that finds no
// room among them is refused with a way out.
func TestNoRoomForTheRequest(t *testing.T) {
	t.Parallel()
	big := env("BIG", strings.Repeat("x", 140<<10))
	s := given(t, tomcat(t, big), "--server-side")
	s.kubectl("annotate", "rc/tomcat", "note="+strings.Repeat("x", 120<<10))
	s.leavesNoTrace(func() {
		s.refused("note takes 122880 bytes: shorten it or the pod template", "set", "image", "rc/tomcat", "tomcat=tomcat:8")
	})
	s.kubectl("annotate", "rc/tomcat", "note-")
	s.setImage("tomcat=tomcat:8")
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

// leavesNoTrace fails the test if anything is another one after f.
func (s *scenario) leavesNoTrace(f func()) {
	s.Helper()
	list := func() string {
		return s.kubectl("get", "rc,pods", "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}`).stdout
	}
	before := list()
	f()
	assert.Equal(s, before, list())
}

// What rcroll writes for itself nobody else may write.
func TestForgery(t *testing.T) {
	t.Parallel()
	s := given(t, tomcat(t))
	const says = "may only be set by rcroll"
	s.leavesNoTrace(func() {
		s.refused(says, "annotate", "rc/tomcat", api.CommandAnnotation+`={"operation":"Scale","replicas":0}`)
		s.refused(says, "annotate", "rc/tomcat", api.RequestAnnotation+`={"replicas":0,"template":{}}`)
		s.refused(says, "label", "rc/tomcat", api.RollingLabel+"=true")
		s.refused(says, "patch", "rc/tomcat", "-p",
			`{"spec":{"selector":{"`+api.SealedLabel+`":"x"},"template":{"metadata":{"labels":{"`+api.SealedLabel+`":"x"}}}}}`)
		s.refused(says, "patch", "rc/tomcat", "-p", `{"spec":{"template":{"metadata":{"labels":{"`+api.AdoptingLabel+`":"x"}}}}}`)
	})

	at := s.halfwayAtRest()
	s.leavesNoTrace(func() {
		s.refused(says, "annotate", "--overwrite", "rc/tomcat", api.RequestAnnotation+`={"replicas":0,"template":{}}`)
		s.refused(says, "label", "--overwrite", "rc/tomcat", api.RollingLabel+"=false")
		s.refused(says, "annotate", "rc/tomcat", api.CommandAnnotation+`={"operation":"Seal","replicas":0}`)
	})
	s.refusesEditsOfNext(at)
	s.kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
}

// refusesEditsOfNext tries to edit what belongs to a rollout under way.
func (s *scenario) refusesEditsOfNext(m observe.Moment) {
	s.Helper()
	require.Len(s, m.Next(), 1)
	next := "rc/" + m.Next()[0].Name
	const says = "is managed by rcroll for rc/tomcat: edit rc/tomcat instead"
	s.leavesNoTrace(func() {
		s.refused(says, "set", "image", next, "tomcat=tomcat:9")
		s.refused(says, "scale", next, "--replicas=9")
		s.refused(says, "annotate", next, "note=mine")
		s.refused(says, "label", next, api.RollingLabel+"-")
	})
}

// An exported ReplicationController that was rolling is a plain one where it is
// created again.
func TestCreateStripsTraces(t *testing.T) {
	t.Parallel()
	s := observed(t, "tomcat")
	m := tomcat(t, annotated(api.RequestAnnotation, `{"replicas":9,"template":{}}`, api.CommandAnnotation, `{"operation":"Seal"}`))
	m.metadata()["labels"] = map[string]any{api.RollingLabel: "true"}
	s.feed(m.yaml(t), "create", "-f", "-")
	s.await("it serves", serves("tomcat:7", 5))
}

// While pods are adopted a ReplicationController manager that does not see them yet
// would create others in their place. The API server does not let it.
func TestNoPodIsCreatedWhilePodsAreAdopted(t *testing.T) {
	t.Parallel()
	s := observed(t, "tomcat")
	const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"surplus","labels":{"app":"tomcat","` + api.AdoptingLabel + `":"x"}},
		"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}`
	refused := s.try(pod, "create", "-f", "-")
	assert.NotZero(t, refused.exitCode)
	assert.Contains(t, refused.stderr, "rcroll")
	assert.Empty(t, s.Now().Pods)
}

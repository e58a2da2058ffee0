package e2e

import (
	"testing"

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
	const says = "is written by rcroll only"
	s.leavesNoTrace(func() {
		s.refused(says, "annotate", "rc/tomcat", api.PlanAnnotation+`={"operation":"scale","replicas":0}`)
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
		s.refused(says, "annotate", "rc/tomcat", api.PlanAnnotation+`={"operation":"seal","replicas":0}`)
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
	m := tomcat(t, annotated(api.RequestAnnotation, `{"replicas":9,"template":{}}`, api.PlanAnnotation, `{"operation":"seal"}`))
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

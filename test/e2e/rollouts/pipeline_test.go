package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const serverSide = "--server-side"

// A pipeline that applies its whole manifest again and again, replicas included,
// meets no conflict and moves nothing that a rollout is moving.
func TestServerSideApplyPipeline(t *testing.T) {
	t.Parallel()
	m := tomcat(t)
	s := given(t, m, serverSide)

	s.apply(m.with(image("tomcat:8")), serverSide)
	s.halfway("tomcat:8")
	s.apply(m.with(image("tomcat:8")), serverSide)
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
	s.neverScaledUp()

	for _, next := range []string{"tomcat:9", "tomcat:10"} {
		s.Begin()
		s.apply(m.with(image(next)), serverSide)
		s.rolledOut(next, 5)
		s.keeps(surge1(5))
		s.neverScaledUp()
	}
	s.ownsNothingOfTheSpec()
}

// ownsNothingOfTheSpec looks as a user would. The observer looks at every moment.
func (s *scenario) ownsNothingOfTheSpec() {
	text := s.kubectl("get", s.ref(), "--show-managed-fields", "-o", "yaml").stdout
	var object metav1.PartialObjectMetadata
	require.NoError(s, yaml.Unmarshal([]byte(text), &object))
	require.NotEmpty(s, object.ManagedFields)
	for _, entry := range object.ManagedFields {
		if strings.Contains(entry.Manager, "rcroll") {
			assert.NotContains(s, entry.FieldsV1.GetRawString(), `"f:spec"`, "%s owns a part of the spec", entry.Manager)
		}
	}
}

// The manifest of a pipeline that leaves replicas to others does not touch them, in
// or out of a rollout.
func TestServerSideApplyWithoutReplicas(t *testing.T) {
	t.Parallel()
	m := tomcat(t, func(m manifest) { delete(m.spec(), "replicas") })
	s := observed(t, "tomcat")
	s.apply(m, serverSide)
	s.kubectl("scale", "rc/tomcat", "--replicas=5")
	s.await("5 pods serve", serves("tomcat:7", 5))

	s.Begin()
	s.apply(m.with(image("tomcat:8")), serverSide)
	s.halfway("tomcat:8")
	s.apply(m.with(image("tomcat:9")), serverSide)
	s.rolledOut("tomcat:9", 5)
	s.keeps(anyTurnover(5))
	s.neverScaledUp()
}

// Who goes over from client-side to server-side apply sends several requests at
// once, some of which only move field ownership. Nobody cancels anything by that.
func TestMigrationToServerSideApply(t *testing.T) {
	t.Parallel()
	m := tomcat(t)
	s := given(t, m)
	s.apply(m.with(image("tomcat:8")), serverSide)
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
	cancelled, found := s.Result().First(requests("tomcat:7"))
	assert.False(t, found, "the old image was asked for: %s", cancelled)
}

// A pipeline of client-side applies.
func TestClientSideApplyPipeline(t *testing.T) {
	t.Parallel()
	m := tomcat(t)
	s := given(t, m)

	s.apply(m.with(image("tomcat:8")))
	s.halfway("tomcat:8")
	s.apply(m.with(image("tomcat:8")))
	s.rolledOut("tomcat:8", 5)
	s.keeps(surge1(5))
	s.neverScaledUp()

	s.Begin()
	s.apply(m.with(image("tomcat:9")))
	s.rolledOut("tomcat:9", 5)
	s.keeps(surge1(5))
}

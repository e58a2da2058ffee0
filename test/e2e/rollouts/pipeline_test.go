package rollouts

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// A pipeline that applies its whole manifest again and again, replicas included,
// meets no conflict and moves nothing that a rollout is moving.
func TestServerSideApplyPipeline(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t)
	s := given(t, m, harness.ServerSide)

	s.Apply(m.With(manifest.Image("tomcat:8")), harness.ServerSide)
	s.AwaitHalfway("tomcat:8")
	s.Apply(m.With(manifest.Image("tomcat:8")), harness.ServerSide)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
	s.expectNeverScaledUp()

	for _, image := range []string{"tomcat:9", "tomcat:10"} {
		s.Begin()
		s.Apply(m.With(manifest.Image(image)), harness.ServerSide)
		s.AwaitRollout(image, 5)
		s.Expect(harness.SurgeOne(5))
		s.expectNeverScaledUp()
	}
	s.ownsNothingOfTheSpec()
}

// ownsNothingOfTheSpec looks as a user would. The observer looks at every moment.
func (s *scenario) ownsNothingOfTheSpec() {
	text := s.Kubectl("get", s.Ref(), "--show-managed-fields", "-o", "yaml").Stdout
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
	m := manifest.Tomcat(t, manifest.WithoutReplicas)
	s := newScenario(t)
	s.Apply(m, harness.ServerSide)
	s.Kubectl("scale", "rc/tomcat", "--replicas=5")
	s.Await("5 pods serve", harness.Serves("tomcat:7", 5))

	s.Begin()
	s.Apply(m.With(manifest.Image("tomcat:8")), harness.ServerSide)
	s.AwaitHalfway("tomcat:8")
	s.Apply(m.With(manifest.Image("tomcat:9")), harness.ServerSide)
	s.AwaitRollout("tomcat:9", 5)
	s.Expect(harness.AnyTurnover(5))
	s.expectNeverScaledUp()
}

// Who goes over from client-side to server-side apply sends several requests at
// once, some of which only move field ownership. Nobody cancels anything by that.
func TestMigrationToServerSideApply(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t)
	s := given(t, m)
	s.Apply(m.With(manifest.Image("tomcat:8")), harness.ServerSide)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
	cancelled, found := s.Result().First(harness.Requests("tomcat:7"))
	assert.False(t, found, "the old image was asked for: %s", cancelled)
}

// A pipeline of client-side applies.
func TestClientSideApplyPipeline(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t)
	s := given(t, m)

	s.Apply(m.With(manifest.Image("tomcat:8")))
	s.AwaitHalfway("tomcat:8")
	s.Apply(m.With(manifest.Image("tomcat:8")))
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
	s.expectNeverScaledUp()

	s.Begin()
	s.Apply(m.With(manifest.Image("tomcat:9")))
	s.AwaitRollout("tomcat:9", 5)
	s.Expect(harness.SurgeOne(5))
}

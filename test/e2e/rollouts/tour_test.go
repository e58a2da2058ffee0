package rollouts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// The tests of this file try what docs/tour.md found in public reports.

// A policy that notes every write in the metadata is no part of what users mean.
func TestWritesAreNotedByAPolicy(t *testing.T) {
	t.Parallel()
	s := given(t, slowly(t))
	s.mutateRCs("UPDATE", `Object{metadata: Object.metadata{annotations: {"example.com/written-over": oldObject.metadata.resourceVersion}}}`)
	tries := 0
	s.eventually("the policy is in force", func() bool {
		tries++
		s.Kubectl("label", s.Ref(), fmt.Sprintf("try=%d", tries), "--overwrite")
		return s.Stored().Annotations["example.com/written-over"] != ""
	})
	s.SetImage("tomcat=tomcat:8")
	s.Await("a new pod serves", harness.Available("tomcat:8", 1))
	s.Kubectl("annotate", s.Ref(), api.RequestAnnotation+"-")
	s.AwaitRollback("tomcat:7", 5)

	s.SetImage("tomcat=tomcat:9")
	s.Await("a new pod serves", harness.Available("tomcat:9", 1))
	s.Kubectl("scale", s.Ref(), "--replicas=4")
	s.AwaitRollout("tomcat:9", 4)
	s.neverRollsAgain()
}

// A policy that pins images by their digests has the last word about what is requested,
// and a manifest that states the tag again asks for nothing new.
func TestImagesArePinnedByAPolicy(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"
	rc := manifest.Tomcat(t, manifest.Replicas(3))
	s := given(t, rc)
	s.mutateRCs("CREATE, UPDATE", `Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers:
        object.spec.template.spec.containers.filter(c, !c.image.contains("@")).map(c,
          Object.spec.template.spec.containers{name: c.name, image: c.image + "`+digest+`"})}}}}`)
	again := rc.With(manifest.Image("tomcat:8"))
	s.eventually("the policy is in force", func() bool {
		return strings.Contains(s.Apply(again, "--dry-run=server", "-o", "yaml").Stdout, "tomcat:8"+digest)
	})
	s.Apply(again)
	s.Await("the rollout is over", func(m observe.Moment) bool {
		return m.RC.Image == "tomcat:8"+digest && !harness.Pending(m) && len(m.Owned()) == 0
	})
	s.Apply(again)
	s.neverRollsAgain()
}

// A pod that is restored from a backup without its owner belongs to whoever selects it.
func TestRestoredPods(t *testing.T) {
	t.Parallel()
	s := given(t, slowly(t))
	s.SetImage("tomcat=tomcat:8")
	half := s.Await("a new pod serves", harness.Available("tomcat:8", 1))
	exported := manifest.Parse(t, s.Kubectl("get", "pod", half.WithImage("tomcat:8")[0].Name, "-o", "json").Stdout)
	delete(exported, "status")
	for _, field := range []string{"uid", "resourceVersion", "namespace", "ownerReferences", "creationTimestamp"} {
		delete(exported.Metadata(), field)
	}
	elsewhere := newScenario(t)
	elsewhere.KubectlWithInput(exported.YAML(t), "create", "-f", "-")
	assert.Empty(t, elsewhere.Kubectl("get", "pods", "-l", api.SuccessorLabel, "-o", "name").Stdout)
	elsewhere.Apply(manifest.Tomcat(t, manifest.Replicas(2)))
	elsewhere.Await("the pod is one of two", func(m observe.Moment) bool { return len(ownedBy(m, "tomcat")) == 2 && len(m.Pods) == 2 })
}

// A backup of a whole namespace from the middle of a rollout has the new
// ReplicationController in it, whose owner there is not any more.
func TestRestoreOfAll(t *testing.T) {
	t.Parallel()
	s := givenHalfway(t)
	backup := s.Kubectl("get", "rc", "-o", "yaml").Stdout
	s.Kubectl("delete", "rc", "--all")
	s.Await("nothing is left", func(m observe.Moment) bool { return m.RC == nil && len(m.Others) == 0 && len(m.Pods) == 0 })
	s.KubectlWithInput(backup, "create", "-f", "-")
	s.Await("what was asked for serves, and nothing else is left", harness.Serves("tomcat:8", 5))
}

package rollouts

import (
	"testing"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// A ReplicationController that is deleted in the middle of a rollout takes
// everything along that belongs to it.
func TestDeleteHalfway(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Kubectl("delete", "rc/tomcat", "--wait=false")
	s.Await("nothing is left", func(m observe.Moment) bool {
		return m.RC == nil && len(m.Others) == 0 && len(m.Pods) == 0
	})
}

// Pods that are being taken over have no controller, and nobody would delete them with
// theirs: who deletes it then has to wait a moment, and nothing is left in the end. Here
// a finalizer makes the moment last; only the garbage collector may set one.
func TestDeleteDuringPromotion(t *testing.T) {
	t.Parallel()
	const (
		finalizer          = "e2e.rcroll.dev/hold"
		asGarbageCollector = "--as=system:serviceaccount:kube-system:generic-garbage-collector"
	)
	s := given(t, manifest.Tomcat(t))
	newRC := "rc/" + s.halfwayAtRest().Owned()[0].Name
	s.Kubectl("patch", newRC, asGarbageCollector, "-p", `{"metadata":{"finalizers":["`+finalizer+`"]}}`)
	s.Kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	s.Await("the pods have no controller", func(m observe.Moment) bool { return harness.Sealed(m) && len(m.Orphans()) == 5 })

	s.ExpectRefused("rc/tomcat is taking over the pods of a finished rolling update", "delete", "rc/tomcat")
	s.Kubectl("patch", newRC, asGarbageCollector, "-p", `{"metadata":{"$deleteFromPrimitiveList/finalizers":["`+finalizer+`"]}}`)
	s.Kubectl("delete", "rc/tomcat", "--wait=false")
	s.Await("nothing is left", func(m observe.Moment) bool {
		return m.RC == nil && len(m.Others) == 0 && len(m.Pods) == 0
	})
}

// kubectl replace --force deletes and creates: what comes is what the manifest says.
func TestReplaceForceHalfway(t *testing.T) {
	t.Parallel()
	m := manifest.Tomcat(t)
	s := given(t, m)
	before := s.Now().RC.UID
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.KubectlWithInput(m.With(manifest.Image("tomcat:8")).YAML(t), "replace", "--force", "-f", "-")
	s.Await("only the new one is left", func(m observe.Moment) bool {
		return m.RC != nil && m.RC.UID != before && harness.Serves("tomcat:8", 5)(m)
	})

	s.Begin()
	s.SetImage("tomcat=tomcat:9")
	s.AwaitRollout("tomcat:9", 5)
	s.Expect(harness.SurgeOne(5))
}

// Somebody who deletes the new RC takes its pods away, and no more than that: the rollout makes it anew and ends where it was to end.
func TestNewRCDeletedByHand(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	owned := s.AwaitHalfway("tomcat:8").Owned()
	s.Kubectl("delete", "rc/"+owned[0].Name, "--wait=false")
	s.AwaitRollout("tomcat:8", 5)

	s.Begin()
	s.SetImage("tomcat=tomcat:9")
	s.AwaitRollout("tomcat:9", 5)
	s.Expect(harness.SurgeOne(5))
}

// Whoever deletes a pod in the middle of a rollout gets another one.
func TestPodsDeletedByHand(t *testing.T) {
	t.Parallel()
	s := given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	m := s.AwaitHalfway("tomcat:8")
	s.Kubectl("delete", "pod", "--wait=false", "--ignore-not-found", m.WithImage("tomcat:7")[0].Name, m.WithImage("tomcat:8")[0].Name)
	s.AwaitRollout("tomcat:8", 5)
	// The two that were deleted are missing for a while, and are not the rollout's fault.
	s.Expect(observe.Bounds{MinAvailable: 3, MaxPods: 6, Created: observe.Any, Deleted: observe.Any})
}

package rollouts

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// adopters select every pod of the ReplicationController, and more, and want none or
// few: those that they could adopt they would delete. All stand before the first rollout.
var adopters = map[string]string{
	"a ReplicationController without replicas": `
apiVersion: v1
kind: ReplicationController
metadata: {name: wide}
spec:
  replicas: 0
  selector: {app: tomcat}
  template: {metadata: {labels: {app: tomcat}}, spec: {containers: [{name: tomcat, image: "tomcat:0"}]}}`,

	"a ReplicaSet without replicas": `
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: wide}
spec:
  replicas: 0
  selector: {matchLabels: {app: tomcat}}
  template: {metadata: {labels: {app: tomcat}}, spec: {containers: [{name: tomcat, image: "tomcat:0"}]}}`,

	"a StatefulSet without replicas": `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: wide}
spec:
  replicas: 0
  serviceName: wide
  selector: {matchLabels: {app: tomcat}}
  template: {metadata: {labels: {app: tomcat}}, spec: {containers: [{name: tomcat, image: "tomcat:0"}]}}`,

	"a DaemonSet for no node": `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: wide}
spec:
  selector: {matchLabels: {app: tomcat}}
  template:
    metadata: {labels: {app: tomcat}}
    spec: {nodeSelector: {none: such}, containers: [{name: tomcat, image: "tomcat:0"}]}`,

	"a Job without parallelism": `
apiVersion: batch/v1
kind: Job
metadata: {name: wide}
spec:
  parallelism: 0
  manualSelector: true
  selector: {matchLabels: {app: tomcat}}
  template:
    metadata: {labels: {app: tomcat}}
    spec: {restartPolicy: Never, containers: [{name: tomcat, image: "tomcat:0"}]}`,
}

// narrow is a ReplicationController that tells its pods by two labels.
func narrow(t *testing.T, edits ...manifest.Edit) manifest.RC {
	labels := map[string]string{"app": "tomcat", "version": "1"}
	return manifest.Tomcat(t, manifest.Selecting(labels), manifest.PodLabelled(labels)).With(edits...)
}

// No other controller takes a pod in the moment in which it has none.
func TestAdopters(t *testing.T) {
	t.Parallel()
	for name, adopter := range adopters {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScenario(t)
			s.KubectlWithInput(adopter, "apply", "-f", "-")
			s.Apply(narrow(t))
			s.Await("all pods serve", func(m observe.Moment) bool { return len(ownedBy(m, "tomcat")) == 5 && m.Available() == 5 })
			for _, image := range []string{"tomcat:8", "tomcat:9", "tomcat:7"} {
				s.Begin()
				s.SetImage("tomcat=" + image)
				s.awaitOwnRollout(image)
				s.Expect(harness.SurgeOne(5))
				assert.Empty(t, s.Kubectl("get", "pods", "-l", api.SuccessorLabel, "-o", "name").Stdout)
			}
		})
	}
}

// awaitOwnRollout waits for the end of a rollout beside ReplicationControllers that
// rcroll has nothing to do with.
func (s *scenario) awaitOwnRollout(image string) {
	s.Helper()
	s.Await("five pods of "+image+" serve and the rollout is over", func(m observe.Moment) bool {
		return m.RC != nil && m.RC.Image == image && !harness.Pending(m) && len(m.Owned()) == 0 &&
			len(ownedBy(m, "tomcat")) == 5 && m.Available() == 5 && len(m.WithImage(image)) == 5
	})
}

// ownedBy are the pods whose controller has that name.
func ownedBy(m observe.Moment, name string) []observe.Pod {
	return slices.DeleteFunc(slices.Clone(m.Pods), func(pod observe.Pod) bool { return pod.Owner != name })
}

func names(pods []observe.Pod) []string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return names
}

// One that wants pods itself gets those that it makes, and no others.
func TestAdopterWithReplicas(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	s.Apply(narrow(t))
	s.Await("all pods serve", harness.Serves("tomcat:7", 5))
	s.KubectlWithInput(strings.Replace(adopters["a ReplicationController without replicas"], "replicas: 0", "replicas: 2", 1), "apply", "-f", "-")
	s.Await("seven pods serve", func(m observe.Moment) bool { return m.Available() == 7 })
	s.Begin()
	s.SetImage("tomcat=tomcat:8")
	s.Await("the rollout is over", func(m observe.Moment) bool {
		return m.RC.Image == "tomcat:8" && !harness.Pending(m) && len(ownedBy(m, "tomcat")) == 5
	})
	s.Expect(observe.Bounds{MinAvailable: 7, MaxPods: 8, Created: 5, Deleted: 5})
}

// Two ReplicationControllers that differ in nothing but their names roll to the same
// template at the same time: each takes over its own pods.
func TestTwins(t *testing.T) {
	t.Parallel()
	s := newScenario(t)
	s.Apply(narrow(t))
	s.Apply(narrow(t, manifest.Named("tomcat-twin")))
	s.Await("ten pods serve", func(m observe.Moment) bool { return m.Available() == 10 })
	s.Begin()
	s.Kubectl("set", "image", "rc", "tomcat=tomcat:8", "--all")
	s.Await("both are rolled out", func(m observe.Moment) bool {
		return m.RC.Image == "tomcat:8" && !harness.Pending(m) && len(m.Others) == 1 &&
			m.Others[0].Image == "tomcat:8" && m.Others[0].Annotations[api.RequestAnnotation] == "" && len(ownedBy(m, "tomcat")) == 5
	})
	s.Expect(observe.Bounds{MinAvailable: 10, MaxPods: 12, Created: 10, Deleted: 10})
}

// When nothing rolls, pods of an earlier rollout go to whom their user gives them.
func TestPodsGoElsewhereByHand(t *testing.T) {
	t.Parallel()
	s := given(t, narrow(t))
	s.SetImage("tomcat=tomcat:8")
	pods := s.AwaitRollout("tomcat:8", 5).Pods
	s.Kubectl("delete", "rc/tomcat", "--cascade=orphan")
	s.KubectlWithInput(strings.Replace(adopters["a ReplicaSet without replicas"], "replicas: 0", "replicas: 5", 1), "apply", "-f", "-")
	end := s.Await("the ReplicaSet has all pods", func(m observe.Moment) bool { return len(ownedBy(m, "wide")) == len(m.Pods) })
	assert.ElementsMatch(t, names(pods), names(end.Pods))
}

// Whoever takes a pod of the new ReplicationController is told why not; every other pod
// may change hands.
func TestAdoptionRefused(t *testing.T) {
	t.Parallel()
	s := given(t, narrow(t))
	m := s.halfwayAtRest()
	wide := `{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"wide","uid":"b3f7f3a4-0000-4000-8000-000000000000","controller":true}`
	take := func(pod observe.Pod) []string {
		return []string{"patch", "pod", pod.Name, "--dry-run=server", "--type=json",
			"-p", `[{"op":"replace","path":"/metadata/ownerReferences","value":[` + wide + `]}]`}
	}
	s.ExpectRefused("nothing else may adopt it", take(m.WithImage("tomcat:8")[0])...)
	s.Kubectl(take(m.WithImage("tomcat:7")[0])...)
	s.Kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	end := s.AwaitRollout("tomcat:8", 5)
	s.Kubectl(take(end.Pods[0])...)
}

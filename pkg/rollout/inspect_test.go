package rollout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/pkg/rollout"
)

// pod is one of the member whose UID is "next", with a status as YAML.
func pod(t *testing.T, name, status string) corev1.Pod {
	t.Helper()
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: name, CreationTimestamp: metav1.NewTime(time.Unix(100, 0)),
		OwnerReferences: []metav1.OwnerReference{{UID: "next", Controller: ptr.To(true)}},
	}}
	require.NoError(t, yaml.UnmarshalStrict([]byte(status), &pod.Status))
	return pod
}

// Statuses as kubelets and the scheduler write them.
const (
	unschedulable = `
phase: Pending
conditions:
- {type: PodScheduled, status: "False", reason: Unschedulable, message: "0/3 nodes are available: 3 Insufficient cpu."}`

	starting = `
phase: Pending
conditions:
- {type: PodScheduled, status: "True"}
- {type: Ready, status: "False", reason: ContainersNotReady, message: "containers with unready status: [tomcat]"}
- {type: ContainersReady, status: "False", reason: ContainersNotReady, message: "containers with unready status: [tomcat]"}
containerStatuses:
- {name: tomcat, image: tomcat:8, ready: false, started: false, state: {waiting: {reason: ContainerCreating}}}`

	errImagePull = `
phase: Pending
containerStatuses:
- {name: log, image: log:1, ready: true, state: {running: {}}}
- name: tomcat
  image: tomcat:bad
  ready: false
  state: {waiting: {reason: ErrImagePull, message: "failed to resolve reference: not found"}}`

	imagePullBackOff = `
phase: Pending
containerStatuses:
- name: tomcat
  image: tomcat:bad
  ready: false
  state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image "tomcat:bad": ErrImagePull: failed to resolve reference: not found'}}`

	oldImagePullBackOff = `
phase: Pending
containerStatuses:
- name: tomcat
  image: tomcat:bad
  ready: false
  state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image "tomcat:bad"'}}`

	invalidImageName = `
phase: Pending
containerStatuses:
- name: tomcat
  image: "tomcat:"
  state: {waiting: {reason: InvalidImageName, message: "couldn't parse image name"}}`

	crashLoop = `
phase: Running
containerStatuses:
- name: tomcat
  image: tomcat:8
  ready: false
  restartCount: 4
  state: {waiting: {reason: CrashLoopBackOff, message: "back-off 1m20s restarting failed container=tomcat pod=a_shop(0b1c)"}}
  lastState: {terminated: {exitCode: 1, reason: Error}}`

	crashed = `
phase: Running
containerStatuses:
- {name: tomcat, image: tomcat:8, ready: false, restartCount: 5, state: {terminated: {exitCode: 1, reason: Error}}}`

	crashingAgain = `
phase: Running
containerStatuses:
- name: tomcat
  image: tomcat:8
  ready: false
  restartCount: 5
  state: {running: {}}
  lastState: {terminated: {exitCode: 1, reason: Error}}`

	oomKilled = `
phase: Running
containerStatuses:
- name: tomcat
  ready: false
  restartCount: 1
  state: {waiting: {reason: CrashLoopBackOff}}
  lastState: {terminated: {exitCode: 137, reason: OOMKilled}}`

	exitsWithout = `
phase: Running
containerStatuses:
- name: tomcat
  ready: false
  state: {waiting: {reason: CrashLoopBackOff}}
  lastState: {terminated: {exitCode: 0, reason: Completed}}`

	configError = `
phase: Pending
containerStatuses:
- name: tomcat
  ready: false
  state: {waiting: {reason: CreateContainerConfigError, message: 'configmap "settings" not found'}}`

	initCrashLoop = `
phase: Pending
initContainerStatuses:
- {name: first, ready: true, state: {terminated: {exitCode: 0, reason: Completed}}}
- name: second
  ready: false
  state: {waiting: {reason: CrashLoopBackOff}}
  lastState: {terminated: {exitCode: 3, reason: Error, message: "no route to the database"}}
containerStatuses:
- {name: tomcat, ready: false, state: {waiting: {reason: PodInitializing}}}`

	initRunning = `
phase: Pending
conditions:
- {type: Ready, status: "False", reason: ContainersNotReady, message: "containers with unready status: [tomcat]"}
initContainerStatuses:
- {name: first, ready: true, restartCount: 1, state: {terminated: {exitCode: 0}}, lastState: {terminated: {exitCode: 1}}}
- {name: second, ready: false, state: {running: {}}}
containerStatuses:
- {name: tomcat, ready: false, state: {waiting: {reason: PodInitializing}}}`

	gate = `
phase: Running
conditions:
- {type: ContainersReady, status: "True"}
- {type: Ready, status: "False", reason: ReadinessGatesNotReady, message: 'corresponding condition of pod readiness gate "lb" does not exist.'}
containerStatuses:
- {name: tomcat, ready: true, state: {running: {}}}`

	evicted = `{phase: Failed, reason: Evicted, message: "The node was low on resource: memory."}`

	ready = `
phase: Running
conditions:
- {type: Ready, status: "True", lastTransitionTime: "1970-01-01T00:05:00Z"}
containerStatuses:
- {name: tomcat, ready: true, restartCount: 1, state: {running: {}}, lastState: {terminated: {exitCode: 1}}}`
)

func TestInspect(t *testing.T) {
	slow := func(detail string) *rollout.Problem {
		return &rollout.Problem{Reason: "NotReady", Summary: "pods do not become ready", Detail: detail, Slow: true}
	}
	const unready = "containers with unready status: [tomcat] (pod a)"
	crash := func(detail string) *rollout.Problem {
		return &rollout.Problem{Reason: "CrashLoopBackOff", Summary: "container tomcat exited with code 1 (Error)", Detail: detail}
	}
	noImage := func(detail string) *rollout.Problem {
		return &rollout.Problem{Reason: "ImagePullBackOff", Summary: "container tomcat cannot pull image tomcat:bad", Detail: detail}
	}
	tests := map[string]struct {
		statuses []string // of pods a, b, …
		failure  string
		want     *rollout.Problem
	}{
		"no pods":                 {},
		"all ready":               {statuses: []string{ready, ready}},
		"just created":            {statuses: []string{`{phase: Pending}`}, want: slow("(pod a)")},
		"being started":           {statuses: []string{ready, starting}, want: slow("containers with unready status: [tomcat] (pod b)")},
		"an image":                {statuses: []string{errImagePull}, want: noImage("failed to resolve reference: not found (pod a)")},
		"between two attempts":    {statuses: []string{imagePullBackOff}, want: noImage("failed to resolve reference: not found (pod a)")},
		"and from an old kubelet": {statuses: []string{oldImagePullBackOff}, want: noImage(`Back-off pulling image "tomcat:bad" (pod a)`)},
		"a wrong image": {statuses: []string{invalidImageName}, want: &rollout.Problem{
			Reason: "InvalidImageName", Summary: "container tomcat cannot pull image tomcat:", Detail: "couldn't parse image name (pod a)"}},
		"a crash loop":             {statuses: []string{crashLoop}, want: crash("(pod a)")},
		"a crash":                  {statuses: []string{crashed}, want: crash("(pod a)")},
		"about to crash once more": {statuses: []string{crashingAgain}, want: crash("(pod a)")},
		"out of memory": {statuses: []string{oomKilled}, want: &rollout.Problem{
			Reason: "CrashLoopBackOff", Summary: "container tomcat exited with code 137 (OOMKilled)", Detail: "(pod a)"}},
		"an end without need": {statuses: []string{exitsWithout}, want: &rollout.Problem{
			Reason: "CrashLoopBackOff", Summary: "container tomcat exited with code 0 (Completed)", Detail: "(pod a)"}},
		"a missing ConfigMap": {statuses: []string{configError}, want: &rollout.Problem{
			Reason: "CreateContainerConfigError", Summary: "container tomcat cannot start", Detail: `configmap "settings" not found (pod a)`}},
		"an init container": {statuses: []string{initCrashLoop}, want: &rollout.Problem{
			Reason: "CrashLoopBackOff", Summary: "init container second exited with code 3 (Error)", Detail: "no route to the database (pod a)"}},
		"an init container at work": {statuses: []string{initRunning}, want: slow(unready)},
		"a readiness gate":          {statuses: []string{gate}, want: slow(`corresponding condition of pod readiness gate "lb" does not exist. (pod a)`)},
		"no node": {statuses: []string{unschedulable}, want: &rollout.Problem{
			Reason: "Unschedulable", Summary: "a pod is unschedulable", Detail: "0/3 nodes are available: 3 Insufficient cpu. (pod a)"}},
		"evicted": {statuses: []string{starting, evicted}, want: &rollout.Problem{
			Reason: "Evicted", Summary: "pods terminate and are replaced", Detail: "The node was low on resource: memory. (pod b)", Slow: true}},
		"no pods at all": {failure: "exceeded quota: five", want: &rollout.Problem{
			Reason: "FailedCreate", Summary: "pods of tomcat-v8 cannot be created", Detail: "exceeded quota: five"}},
		"the most certain first": {
			statuses: []string{starting, unschedulable, evicted, ready, crashed, errImagePull}, failure: "exceeded quota: five",
			want: crash("(pod e)"),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			member := rollout.Member{Name: "tomcat-v8", UID: "next", Failing: test.failure != "", Failure: test.failure}
			stranger := pod(t, "0", imagePullBackOff)
			stranger.OwnerReferences[0].UID = "rc"
			leaving := pod(t, "1", imagePullBackOff)
			leaving.DeletionTimestamp = ptr.To(metav1.Now())
			pods := []corev1.Pod{stranger, leaving}
			for i, status := range test.statuses {
				pods = append(pods, pod(t, string(rune('a'+i)), status))
			}
			assert.Equal(t, test.want, rollout.Inspect(member, pods).Problem)
		})
	}
}

func TestProgressOfPods(t *testing.T) {
	member := rollout.Member{UID: "next", MinReady: 30 * time.Second}
	progress := func(pods ...corev1.Pod) time.Time { return rollout.Inspect(member, pods).Progress }
	assert.True(t, progress().IsZero())
	assert.Equal(t, int64(100), progress(pod(t, "a", starting)).Unix(), "created")
	assert.Equal(t, int64(330), progress(pod(t, "a", starting), pod(t, "b", ready)).Unix(), "available, after the time to be ready")
}

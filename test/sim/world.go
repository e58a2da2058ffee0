package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// nodes is the number of nodes.
const nodes = 3

// tomcat is the ReplicationController that everything is about.
const tomcat = "tomcat"

var rolloutKey = types.NamespacedName{Namespace: namespace, Name: tomcat}

// World is everything there is.
type World struct {
	store
	manager   *rcManager
	collector *collector
	agents    []*agent
	users     users
	adopter   *adopter
	approver  approver

	administrator administrator

	faults faults
	check  *checker

	webhookDown, apiDown bool

	// stamp is what templates get while it is not 0; stamps counts those that there were.
	stamp, stamps int

	// defects of images, by their names; there is no entry for one that is well. It is
	// shared by clones.
	defects map[string]*defect

	// policies are what administrators want. They are shared by clones.
	policies *policies

	// now is the virtual time.
	now time.Duration

	// historyOff spares the history, where no agent starts from it. There the next one
	// may start from lastCache, that of the agent that was killed.
	historyOff bool
	lastCache  *informer[*RC]

	// agentsStarted counts the agents that there have been.
	agentsStarted int

	// events are what the agents announced, in order.
	events []string

	// story is told to nobody unless it is asked for.
	story *story
}

func newWorld() *World {
	w := &World{policies: &policies{}, store: newStore(), manager: newRCManager(), collector: newCollector(), story: &story{}}
	w.defects = map[string]*defect{"tomcat:bad": cannotPull("Back-off pulling image tomcat:bad")}
	w.check = newChecker()
	return w
}

// clone is a copy that shares nothing that changes. Agents must be between two
// calls, and ones that can be copied.
func (w *World) clone() *World {
	c := *w
	c.store = w.store.clone()
	c.manager, c.collector = w.manager.clone(), w.collector.clone()
	c.agents = make([]*agent, len(w.agents))
	for i, agent := range w.agents {
		c.agents[i] = agent.clone()
	}
	c.users, c.faults = w.users.clone(), w.faults.clone()
	c.check = w.check.clone()
	c.story, c.events = &story{}, slices.Clip(w.events)
	if w.lastCache != nil {
		c.lastCache = w.lastCache.clone()
	}
	return &c
}

func (w *World) publishRC(before, after *RC) {
	if !w.historyOff {
		w.rcHistory = append(w.rcHistory, transition[*RC]{before, after})
	}
	w.manager.rcs.notify(before, after)
	for _, agent := range w.agents {
		agent.rcs.notify(before, after)
	}
	if w.lastCache != nil {
		w.lastCache.notify(before, after)
	}
	w.check.rcChanged(w, before, after)
}

func (w *World) publishPod(before, after *Pod) {
	w.manager.pods.notify(before, after)
	w.collector.pods.notify(before, after)
	w.check.podChanged(w, before, after)
}

// timestamp is the virtual time as it is written into objects.
func (w *World) timestamp() string { return epoch.Add(w.now).UTC().Format(time.RFC3339) }

// epoch is when the virtual time begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// manifest is what a user applies.
func manifest(image string, replicas int64) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "ReplicationController",
		"metadata": map[string]any{"name": tomcat, "namespace": namespace},
		"spec": map[string]any{
			"replicas": replicas,
			"selector": map[string]any{"app": tomcat},
			"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": tomcat}},
				"spec":     map[string]any{"containers": []any{map[string]any{"name": tomcat, "image": image}}},
			},
		},
	}
}

// settled is a world in which the RC has all its pods, and everybody has seen
// everything.
func settled(replicas int64, annotations map[string]string) *World {
	w := newWorld()
	object := manifest("tomcat:7", replicas)
	for key, value := range annotations {
		setAnnotation(object, key, value)
	}
	w.check.muted = true
	rc, err := w.createRC(requester{user: someUser}, object)
	if err != nil {
		panic(err)
	}
	for range replicas {
		pod, err := w.createPod(rc)
		if err != nil {
			panic(err)
		}
		w.updatePod(pod, func(p *Pod) { p.ready = true })
	}
	_, err = w.updateStatus(tomcat, preconditions{}, func(status map[string]any) {
		maps.Copy(status, map[string]any{"observedGeneration": rc.generation})
		if replicas > 0 {
			maps.Copy(status, map[string]any{"replicas": replicas, "readyReplicas": replicas,
				"availableReplicas": replicas, "fullyLabeledReplicas": replicas})
		}
	})
	if err != nil {
		panic(err)
	}
	w.manager.rcs.sync(w.rcs)
	w.manager.pods.sync(w.pods)
	w.collector.pods.sync(w.pods)
	w.check.muted = false
	w.check.begin(w)
	return w
}

// podsInOrder are the pods by name.
func (w *World) podsInOrder() []*Pod { return inOrder(w.pods) }

// rcsInOrder are the ReplicationControllers by name.
func (w *World) rcsInOrder() []*RC { return inOrder(w.rcs) }

// typed is the pod as a client gets to see it.
func (p *Pod) typed() corev1.Pod {
	pod := corev1.Pod{}
	pod.Name, pod.Namespace, pod.UID, pod.Labels = p.name, namespace, types.UID(p.uid), maps.Clone(p.labels)
	pod.GenerateName = p.maker + "-"
	pod.ResourceVersion = fmt.Sprint(p.version)
	pod.CreationTimestamp.Time = epoch.Add(p.created)
	if p.owner.uid != "" {
		pod.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: "v1", Kind: "ReplicationController", Name: p.owner.name, UID: types.UID(p.owner.uid), Controller: ptr.To(true),
		}}
	}
	if p.deleting {
		pod.DeletionTimestamp = &pod.CreationTimestamp
	}
	container := corev1.ContainerStatus{Name: tomcat, Image: p.image, Ready: p.ready}
	if p.defect != nil && !p.ready {
		container.State, container.LastTerminationState = p.defect.state, p.defect.lastState
	}
	ready, since := corev1.ConditionFalse, pod.CreationTimestamp
	switch {
	case p.failed:
		pod.Status.Phase = corev1.PodFailed
	case p.ready:
		pod.Status.Phase, ready, since = corev1.PodRunning, corev1.ConditionTrue, metav1.NewTime(epoch.Add(p.readySet))
	default:
		pod.Status.Phase = corev1.PodPending
	}
	pod.Spec = corev1.PodSpec{NodeName: fmt.Sprint("node-", p.node), Containers: []corev1.Container{{Name: tomcat, Image: p.image}}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{container}
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
		{Type: corev1.PodReady, Status: ready, LastTransitionTime: since},
	}
	return pod
}

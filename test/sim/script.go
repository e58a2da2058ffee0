package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Script is what somebody does to ReplicationControllers and pods, one thing at a
// time. It is plain data, so that it can be played here and on a real control plane
// (test/e2e): both must come to the same objects after each step.
type Script struct {
	Name  string
	Steps []ScriptStep
}

// ScriptStep is one thing.
type ScriptStep struct {
	Do ScriptVerb

	// Name of the ReplicationController; of Relabel the one of whose pods one is
	// relabelled, the first by name, or of nobody's pods if it is empty.
	Name string

	// Replicas, Selector and Labels (of the template) of Create and Edit; Replicas
	// of Scale; Labels of Relabel.
	Replicas         int32
	Selector, Labels map[string]string

	// Owner is the controller of what Create creates.
	Owner string

	// Policy of Delete.
	Policy metav1.DeletionPropagation
}

// ScriptVerb tells the steps apart.
type ScriptVerb string

// The verbs. Edit replaces replicas, selector and labels in one write.
const (
	Create  ScriptVerb = "create"
	Edit    ScriptVerb = "edit"
	Scale   ScriptVerb = "scale"
	Relabel ScriptVerb = "relabel"
	Delete  ScriptVerb = "delete"
)

var (
	plain  = map[string]string{"app": "x"}
	other  = map[string]string{"app": "y"}
	hashed = map[string]string{"app": "x", "deployment": "new"}
	closed = map[string]string{"app": "x", "deployment": "new", "closed": "yes"}
)

// Scripts are what the models were compared with the real thing by.
var Scripts = []Script{
	{"scale", []ScriptStep{
		{Do: Create, Name: "a", Replicas: 3, Selector: plain, Labels: plain},
		{Do: Scale, Name: "a", Replicas: 5},
		{Do: Scale, Name: "a", Replicas: 2},
		{Do: Scale, Name: "a", Replicas: 0},
		{Do: Delete, Name: "a", Policy: metav1.DeletePropagationBackground},
	}},
	{"release and adopt", []ScriptStep{
		{Do: Create, Name: "a", Replicas: 3, Selector: plain, Labels: plain},
		{Do: Relabel, Name: "a", Labels: other},
		{Do: Relabel, Labels: plain},
		{Do: Delete, Name: "a", Policy: metav1.DeletePropagationBackground},
	}},
	{"orphan", []ScriptStep{
		{Do: Create, Name: "a", Replicas: 2, Selector: plain, Labels: plain},
		{Do: Delete, Name: "a", Policy: metav1.DeletePropagationOrphan},
		{Do: Create, Name: "b", Replicas: 3, Selector: plain, Labels: plain},
		{Do: Delete, Name: "b", Policy: metav1.DeletePropagationForeground},
	}},
	{"orphans are too many", []ScriptStep{
		{Do: Create, Name: "a", Replicas: 3, Selector: plain, Labels: plain},
		{Do: Delete, Name: "a", Policy: metav1.DeletePropagationOrphan},
		{Do: Create, Name: "b", Replicas: 1, Selector: plain, Labels: plain},
	}},
	{"owned", []ScriptStep{
		{Do: Create, Name: "a", Replicas: 1, Selector: plain, Labels: plain},
		{Do: Create, Name: "b", Replicas: 2, Selector: other, Labels: other, Owner: "a"},
		{Do: Delete, Name: "a", Policy: metav1.DeletePropagationBackground},
	}},
	{"owned, in the foreground", []ScriptStep{
		{Do: Create, Name: "a", Replicas: 1, Selector: plain, Labels: plain},
		{Do: Create, Name: "b", Replicas: 2, Selector: other, Labels: other, Owner: "a"},
		{Do: Delete, Name: "a", Policy: metav1.DeletePropagationForeground},
	}},
	{"seal and adopt", []ScriptStep{
		{Do: Create, Name: "a", Replicas: 2, Selector: plain, Labels: plain},
		{Do: Create, Name: "b", Replicas: 2, Selector: hashed, Labels: hashed, Owner: "a"},
		{Do: Scale, Name: "a", Replicas: 0},
		{Do: Edit, Name: "a", Replicas: 0, Selector: closed, Labels: closed},
		{Do: Delete, Name: "b", Policy: metav1.DeletePropagationOrphan},
		{Do: Edit, Name: "a", Replicas: 2, Selector: hashed, Labels: hashed},
	}},
	{"open while at 0", []ScriptStep{
		{Do: Create, Name: "a", Replicas: 2, Selector: hashed, Labels: hashed},
		{Do: Delete, Name: "a", Policy: metav1.DeletePropagationOrphan},
		{Do: Create, Name: "b", Replicas: 0, Selector: plain, Labels: plain},
	}},
	{"narrow the selector", []ScriptStep{
		{Do: Create, Name: "a", Replicas: 2, Selector: plain, Labels: plain},
		{Do: Edit, Name: "a", Replicas: 2, Selector: hashed, Labels: hashed},
	}},
}

// Object is the ReplicationController that Create creates; owner is the live one.
func (s ScriptStep) Object(owner *corev1.ReplicationController) *corev1.ReplicationController {
	rc := &corev1.ReplicationController{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ReplicationController"}}
	rc.Name = s.Name
	s.Change(rc)
	rc.Spec.Template.Spec.Containers = []corev1.Container{{Name: "tomcat", Image: "tomcat:7"}}
	if owner != nil {
		reference := metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("ReplicationController"))
		rc.OwnerReferences = []metav1.OwnerReference{*reference}
	}
	return rc
}

// Change is what Edit does.
func (s ScriptStep) Change(rc *corev1.ReplicationController) {
	if rc.Spec.Template == nil {
		rc.Spec.Template = &corev1.PodTemplateSpec{}
	}
	replicas := s.Replicas
	rc.Spec.Replicas, rc.Spec.Selector, rc.Spec.Template.Labels = &replicas, s.Selector, s.Labels
}

// Picks reports whether a pod is one that Relabel may mean.
func (s ScriptStep) Picks(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	if s.Name == "" || owner == nil {
		return s.Name == "" && owner == nil
	}
	return owner.Name == s.Name && pod.DeletionTimestamp == nil
}

// Facts is what there is, in lines that can be compared; known are the pods that
// there were before.
func Facts(rcs []corev1.ReplicationController, pods []corev1.Pod, known map[types.UID]bool) []string {
	var facts []string
	for _, rc := range rcs {
		facts = append(facts, fmt.Sprintf("rc %s: %d replicas of %v with %v, generation %d observed %t, status %d/%d/%d/%d, deleting %t",
			rc.Name, *rc.Spec.Replicas, rc.Spec.Selector, rc.Spec.Template.Labels, rc.Generation, rc.Status.ObservedGeneration == rc.Generation,
			rc.Status.Replicas, rc.Status.FullyLabeledReplicas, rc.Status.ReadyReplicas, rc.Status.AvailableReplicas, rc.DeletionTimestamp != nil))
	}
	for _, pod := range pods {
		owner := "nobody"
		if controller := metav1.GetControllerOf(&pod); controller != nil {
			owner = controller.Name
		}
		ready := slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
		facts = append(facts, fmt.Sprintf("pod of %s with %v, ready %t, deleting %t, known before %t",
			owner, pod.Labels, ready, pod.DeletionTimestamp != nil, known[pod.UID]))
	}
	slices.Sort(facts)
	return facts
}

// Play plays a script in the simulation, in an order of things that a seed picks. It
// returns the facts after each step, when nothing moves any more.
func (s Script) Play(seed uint64) ([][]string, error) {
	w := newWorld()
	w.check.muted = true
	random := rand.New(rand.NewPCG(seed, 0))
	var facts [][]string
	known := map[types.UID]bool{}
	for _, step := range s.Steps {
		if err := w.do(step); err != nil {
			return nil, fmt.Errorf("%s %s: %w", step.Do, step.Name, err)
		}
		w.settle(random)
		rcs, pods := w.typedObjects()
		facts = append(facts, Facts(rcs, pods, known))
		for _, pod := range pods {
			known[pod.UID] = true
		}
	}
	return facts, nil
}

// settle lets everything happen that happens by itself.
func (w *World) settle(random *rand.Rand) {
	for {
		steps := slices.DeleteFunc(w.enabled(nil), func(s step) bool { return s.kind == agentStarts })
		if len(steps) > 0 {
			w.take(steps[random.IntN(len(steps))])
			continue
		}
		at, found := w.nextTimer()
		if !found {
			return
		}
		w.now = at
	}
}

func (w *World) typedObjects() (rcs []corev1.ReplicationController, pods []corev1.Pod) {
	for _, rc := range w.rcsInOrder() {
		var typed corev1.ReplicationController
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(rc.copy(), &typed); err != nil {
			panic(err)
		}
		rcs = append(rcs, typed)
	}
	for _, pod := range w.podsInOrder() {
		pods = append(pods, pod.typed())
	}
	return rcs, pods
}

// do is a step, as the API server of the simulation does it.
func (w *World) do(s ScriptStep) error {
	by := requester{user: someUser, fieldManager: "e2e.test"}
	rcs, pods := w.typedObjects()
	switch s.Do {
	case Create:
		var owner *corev1.ReplicationController
		if at := slices.IndexFunc(rcs, func(rc corev1.ReplicationController) bool { return rc.Name == s.Owner }); at >= 0 {
			owner = &rcs[at]
		}
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s.Object(owner))
		if err != nil {
			return err
		}
		delete(object, "status")
		_, err = w.createRC(by, object)
		return err
	case Edit:
		_, err := w.updateRC(by, s.Name, preconditions{}, func(object map[string]any) {
			spec := object["spec"].(map[string]any)
			spec["replicas"], spec["selector"] = int64(s.Replicas), anyMap(s.Selector)
			spec["template"].(map[string]any)["metadata"].(map[string]any)["labels"] = anyMap(s.Labels)
		})
		return err
	case Scale:
		return w.scale(someUser, s.Name, s.Replicas)
	case Delete:
		return w.deleteRC(s.Name, preconditions{}, s.Policy)
	}
	at := slices.IndexFunc(pods, func(pod corev1.Pod) bool { return s.Picks(&pod) })
	w.updatePod(w.pods[pods[at].Name], func(p *Pod) { p.labels = maps.Clone(s.Labels) })
	return nil
}

func anyMap(labels map[string]string) map[string]any {
	fields := map[string]any{}
	for key, value := range labels {
		fields[key] = value
	}
	return fields
}

// Lines are facts for a reader.
func Lines(facts []string) string { return strings.Join(facts, "\n") }

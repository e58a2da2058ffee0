package sim

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/rcroll/rcroll/pkg/api"
)

var (
	rcResource  = schema.GroupResource{Resource: "replicationcontrollers"}
	podResource = schema.GroupResource{Resource: "pods"}
)

// store is the state of the API server. Resource versions count the writes of a
// name, over deletion and creation: clients may rely on no more than their order
// within one object, and states that differ in nothing else stay equal.
type store struct {
	rcs      map[string]*RC
	pods     map[string]*Pod
	versions map[string]int64

	// births count the objects that had a name (rc) or were made by one (pods).
	births map[string]int

	// history is what an informer may still be told that starts late.
	rcHistory []transition[*RC]

	// requests are the parsed request annotations. It only grows and is shared.
	requests map[string]api.Spec
}

func newStore() store {
	return store{
		rcs: map[string]*RC{}, pods: map[string]*Pod{}, versions: map[string]int64{},
		births: map[string]int{}, requests: map[string]api.Spec{},
	}
}

func (s *store) clone() store {
	c := *s
	c.rcs, c.pods = maps.Clone(s.rcs), maps.Clone(s.pods)
	c.versions, c.births = maps.Clone(s.versions), maps.Clone(s.births)
	c.rcHistory = slices.Clip(s.rcHistory)
	return c
}

// requester is who writes, as admission sees it.
type requester struct {
	user, fieldManager string
	owner              *RC // of what the agent creates
}

// preconditions of a write; what is empty is not checked.
type preconditions struct {
	uid     string
	version string
}

// findRC is the live object, if the preconditions hold.
func (w *World) findRC(name string, must preconditions) (*RC, error) {
	rc := w.rcs[name]
	switch {
	case rc == nil:
		return nil, apierrors.NewNotFound(rcResource, name)
	case must.uid != "" && must.uid != rc.uid:
		return nil, apierrors.NewConflict(rcResource, name, fmt.Errorf("the UID in the precondition is %s, the object's is %s", must.uid, rc.uid))
	case must.version != "" && must.version != strconv.FormatInt(rc.version, 10):
		return nil, apierrors.NewConflict(rcResource, name, fmt.Errorf("version %s was given, the object has %d", must.version, rc.version))
	}
	return rc, nil
}

// createRC stores a new ReplicationController.
func (w *World) createRC(by requester, object map[string]any) (*RC, error) {
	object = runtime.DeepCopyJSON(object)
	metadata := object["metadata"].(map[string]any)
	name := metadata["name"].(string)
	if w.rcs[name] != nil {
		return nil, apierrors.NewAlreadyExists(rcResource, name)
	}
	object, err := w.admit(by, nil, object)
	if err != nil {
		return nil, err
	}
	setDefaults(object)
	w.births[name]++
	metadata = object["metadata"].(map[string]any)
	metadata["namespace"] = namespace
	metadata["uid"] = fmt.Sprintf("%s/%d", name, w.births[name])
	metadata["generation"] = int64(1)
	metadata["creationTimestamp"] = w.timestamp()
	object["status"] = map[string]any{"replicas": int64(0)}
	return w.putRC(nil, object), nil
}

// setDefaults is what the API server fills in.
func setDefaults(object map[string]any) {
	spec := object["spec"].(map[string]any)
	if spec["replicas"] == nil {
		spec["replicas"] = int64(1)
	}
	labels := api.Spec(spec).TemplateLabels()
	if len(api.Spec(spec).Selector()) == 0 {
		selector := map[string]any{}
		for key, value := range labels {
			selector[key] = value
		}
		spec["selector"] = selector
	}
}

// updateRC changes what users and the agent may change: all but the status. PATCH
// and PUT come to the same here, as they do for admission.
func (w *World) updateRC(by requester, name string, must preconditions, change func(object map[string]any)) (*RC, error) {
	old, err := w.findRC(name, must)
	if err != nil {
		return nil, err
	}
	object := runtime.DeepCopyJSON(old.object)
	change(object)
	setDefaults(object)
	if object, err = w.admit(by, old, object); err != nil {
		return nil, err
	}
	keepServerFields(object, old)
	if !reflect.DeepEqual(object["spec"], old.object["spec"]) {
		object["metadata"].(map[string]any)["generation"] = old.generation + 1
	}
	return w.replaceRC(old, object), nil
}

// keepServerFields puts back what a client cannot set.
func keepServerFields(object map[string]any, old *RC) {
	metadata, before := object["metadata"].(map[string]any), old.object["metadata"].(map[string]any)
	for _, key := range []string{"uid", "generation", "creationTimestamp", "deletionTimestamp", "resourceVersion", "namespace"} {
		if value, found := before[key]; found {
			metadata[key] = value
		} else {
			delete(metadata, key)
		}
	}
	object["status"] = old.object["status"]
}

// updateStatus replaces the status. No admission is asked.
func (w *World) updateStatus(name string, must preconditions, change func(status map[string]any)) (*RC, error) {
	old, err := w.findRC(name, must)
	if err != nil {
		return nil, err
	}
	object := runtime.DeepCopyJSON(old.object)
	change(object["status"].(map[string]any))
	return w.replaceRC(old, object), nil
}

// replaceRC stores a changed object; one that was waiting for its last finalizer
// goes.
func (w *World) replaceRC(old *RC, object map[string]any) *RC {
	metadata := object["metadata"].(map[string]any)
	for _, kind := range []string{"labels", "annotations", "finalizers", "ownerReferences"} {
		switch entries := metadata[kind].(type) {
		case map[string]any:
			if len(entries) == 0 {
				delete(metadata, kind)
			}
		case []any:
			if len(entries) == 0 {
				delete(metadata, kind)
			}
		}
	}
	if old.deleting && metadata["finalizers"] == nil {
		w.removeRC(old)
		return w.newRC(object)
	}
	if reflect.DeepEqual(object, old.object) {
		return old
	}
	return w.putRC(old, object)
}

func (w *World) putRC(old *RC, object map[string]any) *RC {
	name := object["metadata"].(map[string]any)["name"].(string)
	w.versions[name]++
	object["metadata"].(map[string]any)["resourceVersion"] = strconv.FormatInt(w.versions[name], 10)
	rc := w.newRC(object)
	w.rcs[name] = rc
	w.publishRC(old, rc)
	return rc
}

func (w *World) removeRC(rc *RC) {
	delete(w.rcs, rc.name)
	w.versions[rc.name]++
	w.publishRC(rc, nil)
}

// Finalizers by which a deletion says what becomes of the dependents.
const (
	orphanFinalizer     = metav1.FinalizerOrphanDependents
	foregroundFinalizer = metav1.FinalizerDeleteDependents
)

// deleteRC begins the deletion, and ends it where nothing is to be waited for.
func (w *World) deleteRC(name string, must preconditions, policy metav1.DeletionPropagation) error {
	rc, err := w.findRC(name, must)
	if err != nil {
		return err
	}
	finalizers := slices.DeleteFunc(slices.Clone(rc.finalizers), func(f string) bool {
		return f == orphanFinalizer || f == foregroundFinalizer
	})
	switch policy {
	case metav1.DeletePropagationOrphan:
		finalizers = append(finalizers, orphanFinalizer)
	case metav1.DeletePropagationForeground:
		finalizers = append(finalizers, foregroundFinalizer)
	}
	if len(finalizers) == 0 {
		w.removeRC(rc)
		return nil
	}
	object := runtime.DeepCopyJSON(rc.object)
	metadata := object["metadata"].(map[string]any)
	if !rc.deleting {
		metadata["deletionTimestamp"] = w.timestamp()
		metadata["generation"] = rc.generation + 1
	}
	setFinalizers(metadata, finalizers)
	w.replaceRC(rc, object)
	return nil
}

func setFinalizers(metadata map[string]any, finalizers []string) {
	list := make([]any, 0, len(finalizers))
	for _, finalizer := range finalizers {
		list = append(list, finalizer)
	}
	metadata["finalizers"] = list
}

// createPod is what kube-controller-manager does with the template of a ReplicationController.
func (w *World) createPod(rc *RC) (*Pod, error) {
	if manifests().policy.Refuses(rc.labels) {
		return nil, apierrors.NewForbidden(podResource, rc.name, fmt.Errorf("ValidatingAdmissionPolicy 'rcroll-adopting' denied request"))
	}
	w.births["pods of "+rc.name]++
	name := fmt.Sprintf("%s-p%d", rc.name, w.births["pods of "+rc.name])
	pod := &Pod{
		name: name, uid: name + "/1", maker: rc.name, labels: rc.labels, image: rc.image, created: w.now,
		owner: reference{name: rc.name, uid: rc.uid}, node: w.births["pods of "+rc.name] % nodes,
		defect: w.defects[rc.image],
	}
	w.putPod(nil, pod)
	return pod, nil
}

// updatePod stores a changed copy.
func (w *World) updatePod(old *Pod, change func(pod *Pod)) {
	pod := *old
	change(&pod)
	w.putPod(old, &pod)
}

func (w *World) putPod(old, pod *Pod) {
	w.versions["pod "+pod.name]++
	pod.version = w.versions["pod "+pod.name]
	pod.digest = 0
	w.pods[pod.name] = pod
	w.publishPod(old, pod)
}

// deletePod makes a pod terminating: it is gone when its kubelet says so.
func (w *World) deletePod(name string, must preconditions) error {
	pod := w.pods[name]
	if pod == nil {
		return apierrors.NewNotFound(podResource, name)
	}
	if must.uid != "" && must.uid != pod.uid || must.version != "" && must.version != strconv.FormatInt(pod.version, 10) {
		return apierrors.NewConflict(podResource, name, fmt.Errorf("the precondition does not hold"))
	}
	if !pod.deleting {
		w.updatePod(pod, func(p *Pod) { p.deleting = true })
	}
	return nil
}

func (w *World) removePod(pod *Pod) {
	delete(w.pods, pod.name)
	w.versions["pod "+pod.name]++
	w.publishPod(pod, nil)
}

package sim

import (
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/api"
)

// users is what they will do, and what they wanted last.
type users struct {
	script []action
	next   int
	want   want
}

// want is what must be there in the end; absent if the RC was deleted.
type want struct {
	absent   bool
	image    string
	replicas int64
}

func (u users) clone() users { return u }

// action is one thing that a user does.
type action struct {
	kind     actionKind
	image    string
	replicas int64
	key      string
	value    string
}

type actionKind string

const (
	setImage         actionKind = "set image"
	applyAll         actionKind = "apply"
	applyNoReplicas  actionKind = "apply without replicas"
	replaceAll       actionKind = "replace"
	cancelRequest    actionKind = "cancel"
	requestLive      actionKind = "request the live template"
	scaleSubresource actionKind = "scale"
	editReplicas     actionKind = "edit replicas"
	annotate         actionKind = "annotate"
	deleteBackground actionKind = "delete"
	deleteForeground actionKind = "delete in the foreground"
	createAgain      actionKind = "create"
)

func (a action) String() string {
	switch a.kind {
	case setImage, applyNoReplicas:
		return fmt.Sprintf("%s %s", a.kind, a.image)
	case applyAll, replaceAll, createAgain:
		return fmt.Sprintf("%s %s with %d replicas", a.kind, a.image, a.replicas)
	case scaleSubresource, editReplicas:
		return fmt.Sprintf("%s %d", a.kind, a.replicas)
	case annotate:
		return fmt.Sprintf("%s %s=%s", a.kind, a.key, a.value)
	}
	return string(a.kind)
}

// act does what the action says. What the client does not send, or the server
// refuses, leaves what is wanted as it is.
func (w *World) act(a action) {
	wanted, err := w.perform(a)
	if err != nil {
		w.tell("a user would %s: %v", a, err)
		return
	}
	w.users.want = wanted
	w.tell("a user does: %s", a)
}

func (w *World) perform(a action) (want, error) {
	wanted := w.users.want
	rc := w.rcs[tomcat]
	if a.kind == createAgain {
		_, err := w.createRC(requester{user: someUser, fieldManager: "kubectl-create"}, manifest(a.image, a.replicas))
		return want{image: a.image, replicas: a.replicas}, err
	}
	if rc == nil {
		return wanted, fmt.Errorf("there is no %s", tomcat)
	}
	switch a.kind {
	case deleteBackground, deleteForeground:
		policy := metav1.DeletePropagationBackground
		if a.kind == deleteForeground {
			policy = metav1.DeletePropagationForeground
		}
		if err := w.admitDelete(rc); err != nil {
			return wanted, err
		}
		return want{absent: true}, w.deleteRC(tomcat, preconditions{}, policy)
	case scaleSubresource:
		wanted.replicas = a.replicas
		return wanted, w.scale(someUser, tomcat, int32(a.replicas))
	}
	return w.edit(a, rc, wanted)
}

// edit is every write to the object itself.
func (w *World) edit(a action, rc *RC, wanted want) (want, error) {
	by := requester{user: someUser, fieldManager: "kubectl-edit"}
	var change func(object map[string]any)
	switch a.kind {
	case setImage:
		if rc.image == a.image {
			return wanted, nil // kubectl finds nothing to send
		}
		wanted.image = a.image
		change = func(object map[string]any) { putImage(object, a.image) }
	case editReplicas:
		if int64(rc.replicas) == a.replicas {
			return wanted, nil
		}
		wanted.replicas = a.replicas
		change = func(object map[string]any) { object["spec"].(map[string]any)["replicas"] = a.replicas }
	case annotate:
		change = func(object map[string]any) { setAnnotation(object, a.key, a.value) }
	case cancelRequest:
		if !rc.bounds.pending {
			return wanted, nil
		}
		wanted.image = rc.image
		change = func(object map[string]any) { setAnnotation(object, api.RequestAnnotation, "") }
	case requestLive:
		by.fieldManager = "kubectl-replace"
		wanted.image = rc.image
		change = func(object map[string]any) { putLive(object, action{image: rc.image, replicas: wanted.replicas}) }
	case replaceAll:
		by.fieldManager = "kubectl-replace"
		wanted.image, wanted.replicas = a.image, a.replicas
		change = func(object map[string]any) { putManifest(object, a) }
	case applyAll, applyNoReplicas:
		by.fieldManager = "kubectl-client-side-apply"
		change = func(object map[string]any) { applyManifest(object, a) }
		if unchangedBy(rc, change) {
			return wanted, nil
		}
		wanted.image = a.image
		if a.kind == applyAll {
			wanted.replicas = a.replicas
		}
	}
	_, err := w.updateRC(by, tomcat, preconditions{}, change)
	return wanted, err
}

func unchangedBy(rc *RC, change func(object map[string]any)) bool {
	object := rc.copy()
	change(object)
	return api.Spec(object).Equal(api.Spec(rc.object))
}

func putImage(object map[string]any, image string) {
	template := object["spec"].(map[string]any)["template"].(map[string]any)
	containers := template["spec"].(map[string]any)["containers"].([]any)
	containers[0].(map[string]any)["image"] = image
}

// putManifest is a PUT of a manifest that states the user's annotations and nothing
// of what the server or rcroll put there.
func putManifest(object map[string]any, a action) {
	annotations := entriesOf(object, "annotations")
	kept := map[string]any{}
	for _, key := range api.Settings {
		if value, found := annotations[key]; found {
			kept[key] = value
		}
	}
	clear(object)
	maps.Copy(object, manifest(a.image, a.replicas))
	object["metadata"].(map[string]any)["annotations"] = kept
}

// putLive is the PUT of a manifest with the template that is live, with the stamp that it has.
func putLive(object map[string]any, a action) {
	template := object["spec"].(map[string]any)["template"].(map[string]any)
	stamp := annotationOf(template, stampAnnotation)
	putManifest(object, a)
	if stamp != "" {
		setAnnotation(object["spec"].(map[string]any)["template"].(map[string]any), stampAnnotation, stamp)
	}
}

// applyManifest is the patch of kubectl apply: what the manifest states, and the
// annotation that remembers it.
func applyManifest(object map[string]any, a action) {
	stated := manifest(a.image, a.replicas)
	if a.kind == applyNoReplicas {
		delete(stated["spec"].(map[string]any), "replicas")
	} else {
		object["spec"].(map[string]any)["replicas"] = a.replicas
	}
	putImage(object, a.image)
	setAnnotation(object, corev1.LastAppliedConfigAnnotation, api.Spec(stated).String())
}

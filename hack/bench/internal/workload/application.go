package workload

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
)

// application is what the watches have shown of one application.
type application struct {
	pods map[types.UID]pod

	// controller is the object that the user edits.
	controller controller

	// updatedAt is when all pods were new and available and no other was left,
	// doneAt when the objects said so too. Zero until then.
	updatedAt, doneAt time.Time
}

// pod is the part of a pod that matters. A terminating one exists until it is gone.
type pod struct {
	image string
	ready bool
	owner types.UID
}

// controller is the part of a ReplicationController or Deployment that matters.
type controller struct {
	uid   types.UID
	image string

	// complete means that the status is current and that nothing is left to do.
	complete bool

	// owns means that pods must be owned by it directly.
	owns bool
}

// updated reports whether exactly the desired pods exist, all new and available.
func (a *application) updated(image string, replicas int) bool {
	if len(a.pods) != replicas {
		return false
	}
	for _, pod := range a.pods {
		if pod.image != image || !pod.ready {
			return false
		}
	}
	return true
}

// done reports whether the rollout is over in every respect.
func (a *application) done(image string, replicas int) bool {
	if !a.controller.complete || a.controller.image != image || !a.updated(image, replicas) {
		return false
	}
	for _, pod := range a.pods {
		if a.controller.owns && pod.owner != a.controller.uid {
			return false
		}
	}
	return true
}

func podOf(object *corev1.Pod) pod {
	p := pod{image: object.Spec.Containers[0].Image}
	if owner := metav1.GetControllerOf(object); owner != nil {
		p.owner = owner.UID
	}
	for _, condition := range object.Status.Conditions {
		if condition.Type == corev1.PodReady {
			p.ready = condition.Status == corev1.ConditionTrue && object.DeletionTimestamp == nil
		}
	}
	return p
}

// ofRC is complete when the request is gone and the status shows all pods.
func ofRC(rc *corev1.ReplicationController) controller {
	_, pending := rc.Annotations[api.RequestAnnotation]
	desired := ptr.Deref(rc.Spec.Replicas, 1)
	return controller{
		uid:   rc.UID,
		image: rc.Spec.Template.Spec.Containers[0].Image,
		complete: !pending && rc.Status.ObservedGeneration >= rc.Generation &&
			rc.Status.Replicas == desired && rc.Status.AvailableReplicas == desired,
		owns: true,
	}
}

// ofDeployment is complete when kubectl rollout status would say so.
func ofDeployment(d *appsv1.Deployment) controller {
	desired := ptr.Deref(d.Spec.Replicas, 1)
	return controller{
		uid:   d.UID,
		image: d.Spec.Template.Spec.Containers[0].Image,
		complete: d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas == desired &&
			d.Status.Replicas == desired && d.Status.AvailableReplicas == desired,
	}
}

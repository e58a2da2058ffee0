package observe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
)

// Moment is the state of the world between two events.
type Moment struct {
	At time.Time

	// Cause is the event that led to this state.
	Cause string

	// Pods are those that are neither terminating nor finished, by name.
	Pods []Pod

	// RC is the observed ReplicationController; nil in a moment without it.
	RC *RC

	// Others are the other ReplicationControllers of the namespace, by name.
	Others []RC

	// Events are those recorded on the ReplicationController since the measurement
	// began, in order.
	Events []*corev1.Event
}

// Pod is what matters of a pod.
type Pod struct {
	Name string
	UID  types.UID

	// Image is the image of all containers, init containers last, with commas between.
	Image string

	// Available reports whether the pod is ready.
	Available bool

	// Owner is the name of its controller, empty if it has none.
	Owner string
}

// RC is a ReplicationController as it was stored. Its object is not to be changed.
type RC struct {
	*corev1.ReplicationController

	// Image is that of its template, see Pod.Image.
	Image string
}

// Replicas is spec.replicas.
func (rc RC) Replicas() int32 {
	if rc.Spec.Replicas == nil {
		return 1
	}
	return *rc.Spec.Replicas
}

// Requested is the image that is asked for while a rollout is under way, see
// Pod.Image; empty if there is none.
func (rc RC) Requested() string {
	var request corev1.ReplicationControllerSpec
	text, found := rc.Annotations[api.RequestAnnotation]
	if !found || json.Unmarshal([]byte(text), &request) != nil || request.Template == nil {
		return ""
	}
	return imagesOf(&request.Template.Spec)
}

// Available is the number of pods that serve.
func (m Moment) Available() int {
	n := 0
	for _, pod := range m.Pods {
		if pod.Available {
			n++
		}
	}
	return n
}

// WithImage are the pods of that image.
func (m Moment) WithImage(image string) []Pod {
	var pods []Pod
	for _, pod := range m.Pods {
		if pod.Image == image {
			pods = append(pods, pod)
		}
	}
	return pods
}

// Orphans are the pods without a controller.
func (m Moment) Orphans() []Pod {
	var pods []Pod
	for _, pod := range m.Pods {
		if pod.Owner == "" {
			pods = append(pods, pod)
		}
	}
	return pods
}

// Owned are the ReplicationControllers that the observed one controls: the new one
// and, for a while, old ones.
func (m Moment) Owned() []RC {
	var owned []RC
	for _, other := range m.Others {
		if m.RC != nil && metav1.IsControlledBy(other, m.RC) {
			owned = append(owned, other)
		}
	}
	return owned
}

// Messages are those of the events, in order.
func (m Moment) Messages() []string {
	messages := make([]string, len(m.Events))
	for i, event := range m.Events {
		messages[i] = event.Message
	}
	return messages
}

// String is one line for somebody who looks for a mistake.
func (m Moment) String() string {
	var rcs []string
	for _, rc := range m.all() {
		rcs = append(rcs, fmt.Sprintf("%s=%d %s", rc.Name, rc.Replicas(), rc.Image))
	}
	return fmt.Sprintf("%s %s: %d pods, %d available; rc %s", m.At.Format("15:04:05.000"), m.Cause,
		len(m.Pods), m.Available(), strings.Join(rcs, ", "))
}

func (m Moment) all() []RC {
	if m.RC == nil {
		return m.Others
	}
	return append([]RC{*m.RC}, m.Others...)
}

func podOf(object *corev1.Pod) Pod {
	pod := Pod{Name: object.Name, UID: object.UID, Image: imagesOf(&object.Spec)}
	if owner := metav1.GetControllerOf(object); owner != nil {
		pod.Owner = owner.Name
	}
	for _, condition := range object.Status.Conditions {
		if condition.Type == corev1.PodReady {
			pod.Available = condition.Status == corev1.ConditionTrue
		}
	}
	return pod
}

// counts reports whether a pod is one of those that a ReplicationController counts.
func counts(pod *corev1.Pod) bool {
	finished := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	return pod.DeletionTimestamp == nil && !finished
}

func rcOf(object *corev1.ReplicationController) RC {
	rc := RC{ReplicationController: object}
	if object.Spec.Template != nil {
		rc.Image = imagesOf(&object.Spec.Template.Spec)
	}
	return rc
}

func imagesOf(spec *corev1.PodSpec) string {
	var images []string
	for _, container := range slices.Concat(spec.Containers, spec.InitContainers) {
		images = append(images, container.Image)
	}
	return strings.Join(images, ",")
}

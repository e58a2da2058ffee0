package sim

import (
	corev1 "k8s.io/api/core/v1"
)

// What kubelets do, one pod at a time: a pod becomes ready unless its image has a
// defect, and a terminating one goes when its containers have ended.

// defect is why pods with an image do not become ready, as the status of the container
// shows it. If that shows nothing they are merely slow.
type defect struct {
	state, lastState corev1.ContainerState
}

// cannotPull is the defect of an image that is not there.
func cannotPull(message string) *defect {
	return &defect{state: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: message},
	}}
}

// exits is the defect of an image whose container ends as soon as it has begun.
func exits(code int32) *defect {
	return &defect{
		state:     corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		lastState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}},
	}
}

// setDefect gives an image a defect, or another one, or none. Pods that are ready stay
// so until they fail.
func (w *World) setDefect(image string, d *defect) {
	if w.defects[image] = d; d == nil {
		delete(w.defects, image)
	}
	for _, pod := range w.podsInOrder() {
		if pod.image == image {
			w.updatePod(pod, func(p *Pod) { p.defect = d })
		}
	}
}

func (w *World) becomeReady(name string) {
	w.tell("%s is ready", name)
	w.updatePod(w.pods[name], func(p *Pod) { p.ready, p.readySet = true, w.now })
}

func (w *World) terminate(name string) {
	w.tell("%s has ended", name)
	w.removePod(w.pods[name])
}

func (w *World) canBecomeReady(pod *Pod) bool {
	return pod.active() && !pod.ready && pod.defect == nil
}

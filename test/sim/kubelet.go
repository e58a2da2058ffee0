package sim

// What kubelets do, one pod at a time: a pod becomes ready unless its image is bad,
// and a terminating one goes when its containers have ended.

func (w *World) becomeReady(name string) {
	w.tell("%s is ready", name)
	w.updatePod(w.pods[name], func(p *Pod) { p.ready, p.readySet = true, w.now })
}

func (w *World) terminate(name string) {
	w.tell("%s has ended", name)
	w.removePod(w.pods[name])
}

func (w *World) canBecomeReady(pod *Pod) bool {
	return pod.active() && !pod.ready && !isBad(pod.image)
}

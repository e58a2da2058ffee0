package view

import (
	"cmp"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// PodState is what matters of a pod, in the order in which pods are left out where there
// is no room: those that are well go first.
type PodState int

// The states of a Pod.
const (
	Failing PodState = iota
	Terminating
	Pending
	NotReady
	Ready
	Available
)

// Pod is one line of the tree.
type Pod struct {
	Name  string
	State PodState

	// Text is the state in words: the kubelet's where it knows what is wrong.
	Text string

	Age time.Duration
}

func podOf(pod *corev1.Pod, minReady time.Duration, now time.Time) Pod {
	p := Pod{Name: pod.Name}
	if !pod.CreationTimestamp.IsZero() {
		p.Age = max(0, now.Sub(pod.CreationTimestamp.Time))
	}
	ready := conditionOf(pod, corev1.PodReady)
	problem := problemOf(pod)
	switch {
	case pod.DeletionTimestamp != nil:
		p.State, p.Text = Terminating, "Terminating"
	case problem != "":
		p.State, p.Text = Failing, problem
	case ready.Status == corev1.ConditionTrue && now.Before(ready.LastTransitionTime.Add(minReady)):
		p.State, p.Text = Ready, "ready"
	case ready.Status == corev1.ConditionTrue:
		p.State, p.Text = Available, "available"
	case pod.Status.Phase == corev1.PodRunning:
		p.State, p.Text = NotReady, "not ready"
	default:
		p.State, p.Text = Pending, cmp.Or(string(pod.Status.Phase), string(corev1.PodPending))
	}
	return p
}

// problemOf is the word of kubelet or scheduler for what is wrong with a pod.
func problemOf(pod *corev1.Pod) string {
	if pod.Status.Phase == corev1.PodFailed {
		return cmp.Or(pod.Status.Reason, string(corev1.PodFailed))
	}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, status := range statuses {
			waiting := status.State.Waiting
			if waiting != nil && waiting.Reason != "" && waiting.Reason != "ContainerCreating" && waiting.Reason != "PodInitializing" {
				return waiting.Reason
			}
		}
	}
	if scheduled := conditionOf(pod, corev1.PodScheduled); scheduled.Status == corev1.ConditionFalse {
		return cmp.Or(scheduled.Reason, corev1.PodReasonUnschedulable)
	}
	return ""
}

// conditionOf is a condition of a pod; the zero one if it has none.
func conditionOf(pod *corev1.Pod, kind corev1.PodConditionType) corev1.PodCondition {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	return corev1.PodCondition{}
}

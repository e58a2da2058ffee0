package sim

import (
	"context"
	"fmt"
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/rcroll/rcroll/pkg/api"
)

// adopter is a controller whose selector matches every pod. It adopts any pod that has
// no controller, at any time, and deletes what it has above its replicas. A real one
// acts on a cache, and whatever that shows, it does no more: only a pod that has no
// controller in the API server can be adopted.
type adopter struct{ replicas int }

var adopterReference = reference{name: "wide", uid: "wide/1"}

// newAdopter: every third seed has one.
func newAdopter(seed uint64) *adopter {
	if seed%3 != 0 {
		return nil
	}
	return &adopter{replicas: int(seed / 3 % 2)}
}

// adopterSteps are those that it may take now.
func (w *World) adopterSteps(steps []step) []step {
	if w.adopter == nil {
		return steps
	}
	owned := 0
	for _, pod := range w.podsInOrder() {
		switch {
		case !pod.active():
		case pod.owner.uid == "":
			steps = append(steps, step{kind: adopterTakes, name: pod.name})
		case pod.owner == adopterReference:
			if owned++; owned > w.adopter.replicas {
				steps = append(steps, step{kind: adopterDeletes, name: pod.name})
			}
		}
	}
	return steps
}

func (w *World) adopterTakes(name string) {
	err := w.adopt(w.pods[name], adopterReference)
	w.tell("%s adopts %s%s", adopterReference.name, name, outcomeOf(reply{err: err}))
}

func (w *World) adopterDeletes(name string) {
	w.tell("%s deletes %s", adopterReference.name, name)
	_ = w.deletePod(name, preconditions{})
}

// adopt gives a pod that has no controller one, if the policies that are shipped allow
// it. The label goes in the same write.
func (w *World) adopt(pod *Pod, by reference) error {
	adopted := *pod
	adopted.owner = by
	if pod.labels[api.SuccessorLabel] == by.uid {
		adopted.labels = maps.Clone(pod.labels)
		delete(adopted.labels, api.SuccessorLabel)
	}
	before, after := pod.typed(), adopted.typed()
	refused, err := manifests().handover.Refuses(context.Background(), &before, &after)
	if err != nil {
		panic(err)
	}
	if refused {
		return apierrors.NewForbidden(podResource, pod.name, fmt.Errorf("ValidatingAdmissionPolicy 'rcroll-handover' denied request"))
	}
	w.updatePod(pod, func(p *Pod) { *p = adopted })
	return nil
}

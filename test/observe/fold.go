package observe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// fold turns what is seen into moments. Pods, ReplicationControllers and events
// come by different watches: the order is exact within each of them, and nearly so
// between them.
type fold struct {
	// name of the observed ReplicationController.
	name string

	pods map[types.UID]Pod

	// rcs by name: of two with the same name the later one has replaced the other.
	rcs map[string]RC

	events []*corev1.Event
}

func newFold(name string) *fold {
	return &fold{name: name, pods: map[types.UID]Pod{}, rcs: map[string]RC{}}
}

// apply is the moment after an event.
func (f *fold) apply(at time.Time, kind watch.EventType, object runtime.Object) Moment {
	var what string
	switch object := object.(type) {
	case *corev1.Pod:
		what = "pod " + object.Name
		if kind == watch.Deleted || !counts(object) {
			delete(f.pods, object.UID)
		} else {
			f.pods[object.UID] = podOf(object)
		}
	case *corev1.ReplicationController:
		what = "rc " + object.Name
		if kind == watch.Deleted {
			delete(f.rcs, object.Name)
		} else {
			f.rcs[object.Name] = rcOf(object)
		}
	case *corev1.Event:
		what = fmt.Sprintf("event %q", object.Message)
		if kind != watch.Deleted {
			f.events = append(f.events, object)
		}
	}
	return f.moment(at, fmt.Sprintf("%s %s", what, strings.ToLower(string(kind))))
}

func (f *fold) moment(at time.Time, cause string) Moment {
	moment := Moment{At: at, Cause: cause, Events: f.events}
	moment.Pods = slices.SortedFunc(maps.Values(f.pods), func(a, b Pod) int { return cmp.Compare(a.Name, b.Name) })
	for _, rc := range slices.SortedFunc(maps.Values(f.rcs), func(a, b RC) int { return cmp.Compare(a.Name, b.Name) }) {
		if rc.Name == f.name {
			moment.RC = &rc
		} else {
			moment.Others = append(moment.Others, rc)
		}
	}
	return moment
}

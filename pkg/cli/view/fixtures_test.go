package view

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/pkg/rollout"
)

var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func spec(image string) api.Spec {
	return api.Spec{"replicas": int64(5), "selector": map[string]any{"app": "tomcat"}, "template": map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"app": "tomcat"}},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "tomcat", "image": image}}}}}
}

var (
	requested     = spec("tomcat:8")
	requestedHash = requested.Hash(api.DefaultHashLabelKey)
	newName       = api.NewRCName("tomcat", requestedHash)
)

// at is a rollout from tomcat:7 to tomcat:8 of which so many pods are new.
func at(phase progress.Phase, replaced int32) progress.Rollout {
	strategy, _ := api.ParseStrategy(nil)
	r := progress.Rollout{
		Strategy: strategy, Namespace: "shop", Phase: phase, Desired: 5, Live: spec("tomcat:7"),
		RC: rollout.Member{Name: "tomcat", UID: "old", Replicas: 5, StatusObserved: true, Pods: 5, Available: 5, Created: now.Add(-5 * 24 * time.Hour)},
	}
	if phase.Pending() {
		r.Requested, r.RequestedHash, r.NewName, r.RequestedBy, r.RequestedAt = requested, requestedHash, newName, "alice", now.Add(-42*time.Second)
		r.RC.Replicas, r.RC.Pods, r.RC.Available = 5-replaced, 5-replaced, 5-replaced
		r.New = &rollout.Member{Name: newName, UID: "new", Replicas: replaced, StatusObserved: true, Pods: replaced, Available: replaced, Created: now.Add(-40 * time.Second)}
		r.Reason, r.Message = rollout.ReasonUpdated, "Replacing the pods of tomcat"
	}
	return r
}

// starting is the rollout with one more new pod, which is not available yet.
func starting(r progress.Rollout) progress.Rollout {
	r.New.Replicas++
	r.New.Pods++
	return r
}

type podOption func(*corev1.Pod)

// pods are n pods of a ReplicationController, available unless an option says otherwise.
func pods(owner types.UID, prefix string, n int, options ...podOption) []corev1.Pod {
	list := make([]corev1.Pod, n)
	for i := range list {
		pod := &list[i]
		pod.Name = fmt.Sprintf("%s-%c%c4xk", prefix, 'b'+i/20, 'b'+i%20)
		pod.CreationTimestamp = metav1.NewTime(now.Add(-time.Duration(40-i) * time.Second))
		controller := true
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ReplicationController", UID: owner, Controller: &controller}}
		pod.Status.Phase = corev1.PodRunning
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: pod.CreationTimestamp}}
		for _, option := range options {
			option(pod)
		}
	}
	return list
}

func named(name string) podOption { return func(pod *corev1.Pod) { pod.Name = name } }

func pending(pod *corev1.Pod) {
	pod.CreationTimestamp = metav1.NewTime(now.Add(-time.Second))
	pod.Status.Phase, pod.Status.Conditions = corev1.PodPending, nil
}

func terminating(pod *corev1.Pod) {
	deleted := metav1.NewTime(now)
	pod.DeletionTimestamp = &deleted
}

func orphaned(pod *corev1.Pod) {
	pod.OwnerReferences = nil
	pod.Labels = map[string]string{"deployment": requestedHash}
}

func withoutImage(pod *corev1.Pod) {
	pending(pod)
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "tomcat", Image: "tomcat:8", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "Back-off pulling image: ErrImagePull: docker.io/library/tomcat:8: not found"}}}}
}

// paced has seen a pod come every 5 s, the last one 2 s ago.
func paced(r progress.Rollout) *Pace {
	p := &Pace{}
	for i := int32(0); i <= r.New.Available; i++ {
		seen := r
		member := *r.New
		member.Available = i
		seen.New = &member
		p.Observe(now.Add(-2*time.Second-5*time.Second*time.Duration(r.New.Available-i)), seen)
	}
	return p
}

// scene is a moment with a name.
type scene struct {
	name string
	view View
}

func join(lists ...[]corev1.Pod) []corev1.Pod {
	var all []corev1.Pod
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// scenes are moments of every phase.
func scenes() []scene {
	of := func(name string, r progress.Rollout, pace *Pace, list ...[]corev1.Pod) scene {
		return scene{name, Of(r, join(list...), pace, now)}
	}
	rolling := starting(at(progress.Rolling, 2))
	stuck := starting(at(progress.Rolling, 0))
	failed := starting(at(progress.Failed, 0))
	failed.Reason = "ImagePullBackOff"
	failed.Message = "Replacing the pods of tomcat by those of " + newName + ": no progress for 10m0s: ImagePullBackOff: container tomcat cannot pull image tomcat:8: not found (pod " + newName + "-bb4xk)"
	paused := at(progress.Paused, 2)
	paused.Reason, paused.Message = rollout.ReasonPaused, "rc/tomcat is paused"
	back := at(progress.RollingBack, 2)
	back.Cancelled, back.Old, back.New, back.NewName = true, []rollout.Member{*back.New}, nil, ""
	back.Reason = rollout.ReasonRollingBack
	seal := at(progress.Promoting, 5)
	seal.Live = requested.Sealed(api.DefaultHashLabelKey)
	adopt := seal
	adopt.New = nil
	rolledBack := at(progress.RolledBack, 0)
	rolledBack.Reason, rolledBack.Message = rollout.ReasonRolledBack, "tomcat was rolled back to tomcat:7: no progress for 10m0s"
	done := at(progress.Complete, 0)
	done.Live = requested
	settling := done
	settling.Phase, settling.RC.Available = progress.Settling, 4
	long := starting(at(progress.Rolling, 2))
	long.RC.Name = "the-shop-of-the-department-of-everything-and-nothing"
	long.New.Name = api.NewRCName(long.RC.Name, requestedHash)
	long.Live, long.Requested = spec("registry.example.com/department/everything/tomcat:7.0.109-jdk8"), spec("registry.example.com/department/everything/tomcat:8.5.100-jdk8")
	large := starting(at(progress.Rolling, 40))
	large.Desired, large.RC.Replicas, large.RC.Pods, large.RC.Available = 60, 20, 20, 20
	return []scene{
		of("rolling", rolling, paced(rolling), pods("old", "tomcat", 3), pods("old", "tomcat", 1, terminating, named("tomcat-zz4xk")),
			pods("new", newName, 2), pods("new", newName, 1, pending, named(newName+"-zz4xk"))),
		of("stuck", stuck, &Pace{}, pods("old", "tomcat", 5), pods("new", newName, 1, withoutImage)),
		of("failed", failed, &Pace{}, pods("old", "tomcat", 5), pods("new", newName, 1, withoutImage)),
		of("paused", paused, &Pace{}, pods("old", "tomcat", 3), pods("new", newName, 2)),
		of("rolling-back", back, &Pace{}, pods("old", "tomcat", 3), pods("new", newName, 2)),
		of("promoting-sealed", seal, &Pace{}, pods("new", newName, 5)),
		of("promoting-orphans", adopt, &Pace{}, pods("new", newName, 5, orphaned)),
		of("rolled-back", rolledBack, &Pace{}, pods("old", "tomcat", 5)),
		of("settling", settling, &Pace{}, pods("old", "tomcat", 4), pods("old", "tomcat", 1, pending, named("tomcat-zz4xk"))),
		of("complete", done, &Pace{}, pods("old", newName, 5)),
		of("long-names", long, paced(long), pods("old", long.RC.Name, 3), pods("new", long.New.Name, 2), pods("new", long.New.Name, 1, pending, named(long.New.Name+"-zz4xk"))),
		of("many-pods", large, paced(large), pods("old", "tomcat", 20), pods("new", newName, 40), pods("new", newName, 1, withoutImage, named(newName+"-zz4xk"))),
	}
}

package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Problem is why a rollout does not go on: what keeps pods from being available, or what
// else holds it up.
type Problem struct {
	// Reason is a word such as the kubelet or the scheduler would use.
	Reason string

	// Summary says what is wrong. It stays the same as long as it is the same thing.
	Summary string

	// Detail is what kubelet, scheduler or API server say of it, and of which pod. It
	// may differ from one inspection to the next.
	Detail string

	// Slow is set if pods may merely need more time: it is a problem only once the
	// progress deadline has passed.
	Slow bool
}

// same reports whether both are one problem, whatever their details.
func (p Problem) same(other Problem) bool {
	return p.Reason == other.Reason && p.Summary == other.Summary
}

// PodReport is what an inspection of the pods of a member brought.
type PodReport struct {
	// Problem is nil if every pod that there should be is available, or will be.
	Problem *Problem

	// Progress is when a pod was last created, or became available. In the future: one
	// is ready, and will count as available then.
	Progress time.Time
}

// Inspect reads why the pods of a member are not available. Pods of others are passed
// over.
func Inspect(member Member, pods []corev1.Pod) PodReport {
	var report PodReport
	var problems []rated
	for i := range pods {
		pod := &pods[i]
		if !isOf(pod, member) || pod.DeletionTimestamp != nil {
			continue
		}
		report.Progress = latest(report.Progress, pod.CreationTimestamp.Time)
		if ready := podCondition(pod, corev1.PodReady); ready != nil && ready.Status == corev1.ConditionTrue {
			report.Progress = latest(report.Progress, ready.LastTransitionTime.Add(member.MinReady))
			continue
		}
		problems = append(problems, problemOf(pod))
	}
	if member.Failure != "" {
		problems = append(problems, rated{rank: rankFailedCreate, Problem: Problem{
			Reason:  ReasonFailedCreate,
			Summary: fmt.Sprintf("pods of %s cannot be created", member.Name),
			Detail:  member.Failure,
		}})
	}
	if len(problems) > 0 {
		worst := slices.MinFunc(problems, func(a, b rated) int {
			return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.pod, b.pod))
		})
		report.Problem = &worst.Problem
	}
	return report
}

// Of several problems the most certain one is reported: a container that cannot run, a
// pod that is unschedulable, none that can be created, one that has terminated, one that
// is slow.
const (
	rankContainer = iota
	rankUnschedulable
	rankFailedCreate
	rankFailedPod
	rankSlow
)

// rated is the problem of one pod, or of none where none can be created.
type rated struct {
	Problem
	rank int
	pod  string
}

func problemOf(pod *corev1.Pod) rated {
	about := rated{pod: pod.Name}
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		about.rank = rankFailedPod
		about.Problem = Problem{
			Reason:  cmp.Or(pod.Status.Reason, string(pod.Status.Phase)),
			Summary: "pods terminate and are replaced",
			Detail:  pod.Status.Message,
			// Such pods stay on record when their successors are well.
			Slow: true,
		}
		return about.at(pod)
	}
	for _, statuses := range []struct {
		kind string
		list []corev1.ContainerStatus
	}{{"init container", pod.Status.InitContainerStatuses}, {"container", pod.Status.ContainerStatuses}} {
		for _, status := range statuses.list {
			if problem := containerProblem(statuses.kind, status); problem != nil {
				about.Problem, about.rank = *problem, rankContainer
				return about.at(pod)
			}
		}
	}
	scheduled := podCondition(pod, corev1.PodScheduled)
	if scheduled != nil && scheduled.Status == corev1.ConditionFalse {
		about.rank = rankUnschedulable
		about.Problem = Problem{
			Reason:  cmp.Or(scheduled.Reason, corev1.PodReasonUnschedulable),
			Summary: "a pod is unschedulable",
			Detail:  scheduled.Message,
		}
		return about.at(pod)
	}
	about.rank = rankSlow
	about.Problem = slow(pod)
	return about.at(pod)
}

// at adds which pod it is. Its name is a detail, for a pod of another name may have
// the same problem.
func (r rated) at(pod *corev1.Pod) rated {
	r.Detail = strings.TrimSpace(fmt.Sprintf("%s (pod %s)", r.Detail, pod.Name))
	return r
}

// containerProblem is nil while a container may still come up by itself.
func containerProblem(kind string, status corev1.ContainerStatus) *Problem {
	if status.Ready {
		return nil
	}
	waiting := status.State.Waiting
	switch ended := lastEnd(status); {
	case waiting == nil && ended == nil:
		return nil
	case waiting != nil && isImageReason(waiting.Reason):
		return imageProblem(kind, status)
	case ended != nil && !completedInit(kind, status):
		// Whether it waits, runs once more or has just ended, it is the same loop.
		end := fmt.Sprintf("exited with code %d", ended.ExitCode)
		if ended.Reason != "" {
			end += fmt.Sprintf(" (%s)", ended.Reason)
		}
		return &Problem{
			Reason:  reasonCrashLoop,
			Summary: fmt.Sprintf("%s %s %s", kind, status.Name, end),
			Detail:  strings.TrimSpace(ended.Message),
		}
	case waiting != nil && strings.HasSuffix(waiting.Reason, "Error"):
		// CreateContainerConfigError, CreateContainerError, RunContainerError and the like.
		return &Problem{
			Reason:  waiting.Reason,
			Summary: fmt.Sprintf("%s %s cannot start", kind, status.Name),
			Detail:  waiting.Message,
		}
	}
	return nil
}

const (
	reasonCrashLoop        = "CrashLoopBackOff"
	reasonImagePullBackOff = "ImagePullBackOff"
	reasonErrImagePull     = "ErrImagePull"
)

// isImageReason recognises the kubelet's reasons about images.
func isImageReason(reason string) bool {
	switch reason {
	case reasonImagePullBackOff, reasonErrImagePull, "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
		"RegistryUnavailable", "SignatureValidationFailed":
		return true
	}
	return false
}

// imageProblem tells of the attempts to pull and of the pauses between them in the
// same words: kubelets go from one to the other again and again.
func imageProblem(kind string, status corev1.ContainerStatus) *Problem {
	waiting := status.State.Waiting
	problem := &Problem{
		Reason:  waiting.Reason,
		Summary: fmt.Sprintf("%s %s cannot pull image %s", kind, status.Name, status.Image),
		Detail:  waiting.Message,
	}
	if waiting.Reason == reasonErrImagePull {
		problem.Reason = reasonImagePullBackOff
	}
	if _, cause, found := strings.Cut(waiting.Message, reasonErrImagePull+": "); found {
		problem.Detail = cause
	}
	return problem
}

// lastEnd is how a container ended last that is to run on; nil if it never did.
func lastEnd(status corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if status.State.Terminated != nil {
		return status.State.Terminated
	}
	return status.LastTerminationState.Terminated
}

// completedInit reports whether an init container has done its work, or is doing it.
func completedInit(kind string, status corev1.ContainerStatus) bool {
	ended := status.State.Terminated
	return kind == "init container" && ended != nil && ended.ExitCode == 0
}

// slow says what a pod still lacks of which nothing is known to be wrong.
func slow(pod *corev1.Pod) Problem {
	problem := Problem{Reason: ReasonNotReady, Summary: "pods do not become ready", Slow: true}
	for _, kind := range []corev1.PodConditionType{corev1.ContainersReady, corev1.PodReady} {
		condition := podCondition(pod, kind)
		if condition != nil && condition.Status != corev1.ConditionTrue && condition.Message != "" {
			problem.Detail = condition.Message
			break
		}
	}
	return problem
}

func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func isOf(pod *corev1.Pod, member Member) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && owner.UID == member.UID
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}

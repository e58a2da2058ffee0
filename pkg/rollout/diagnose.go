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

// Trouble is why pods are not available.
type Trouble struct {
	// Reason is a word such as the kubelet or the scheduler would use.
	Reason string

	// Summary says what is wrong. It stays the same as long as it is the same thing.
	Summary string

	// Detail is what the one who reports it says. It may be another one each time.
	Detail string

	// Slow tells that it may only take its time, and need not be told of before that
	// is over.
	Slow bool
}

// Look is what the pods tell of a member that is waited for.
type Look struct {
	// Trouble is nil if every pod that there should be is available, or will be.
	Trouble *Trouble

	// Progress is when a pod was last created, or became available. In the future: one
	// is ready, and will count as available then.
	Progress time.Time
}

// Inspect reads what the pods of a member tell. Pods of others are passed over.
func Inspect(member Member, pods []corev1.Pod) Look {
	var look Look
	var troubles []rated
	for i := range pods {
		pod := &pods[i]
		if !isOf(pod, member) || pod.DeletionTimestamp != nil {
			continue
		}
		look.Progress = latest(look.Progress, pod.CreationTimestamp.Time)
		if ready := podCondition(pod, corev1.PodReady); ready != nil && ready.Status == corev1.ConditionTrue {
			look.Progress = latest(look.Progress, ready.LastTransitionTime.Add(member.MinReady))
			continue
		}
		troubles = append(troubles, troubleOf(pod))
	}
	if member.Failure != "" {
		troubles = append(troubles, rated{rank: rankFailedCreate, Trouble: Trouble{
			Reason:  ReasonFailedCreate,
			Summary: fmt.Sprintf("pods of %s cannot be created", member.Name),
			Detail:  member.Failure,
		}})
	}
	if len(troubles) > 0 {
		worst := slices.MinFunc(troubles, func(a, b rated) int {
			return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.pod, b.pod))
		})
		look.Trouble = &worst.Trouble
	}
	return look
}

// Of several troubles the one is told that is most certainly one: a pod that cannot
// run, one that has no node, none at all, one that ended before, one that is slow.
const (
	rankContainer = iota
	rankUnschedulable
	rankFailedCreate
	rankFailedPod
	rankSlow
)

// rated is the trouble of one pod, or of none where none can be created.
type rated struct {
	Trouble
	rank int
	pod  string
}

func troubleOf(pod *corev1.Pod) rated {
	about := rated{pod: pod.Name}
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		about.rank = rankFailedPod
		about.Trouble = Trouble{
			Reason:  cmp.Or(pod.Status.Reason, string(pod.Status.Phase)),
			Summary: "pods end and are replaced",
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
			if trouble := containerTrouble(statuses.kind, status); trouble != nil {
				about.Trouble, about.rank = *trouble, rankContainer
				return about.at(pod)
			}
		}
	}
	scheduled := podCondition(pod, corev1.PodScheduled)
	if scheduled != nil && scheduled.Status == corev1.ConditionFalse {
		about.rank = rankUnschedulable
		about.Trouble = Trouble{
			Reason:  cmp.Or(scheduled.Reason, corev1.PodReasonUnschedulable),
			Summary: "a pod has no node to run on",
			Detail:  scheduled.Message,
		}
		return about.at(pod)
	}
	about.rank = rankSlow
	about.Trouble = slow(pod)
	return about.at(pod)
}

// at adds which pod it is. Its name is a detail, for a pod of another name may have
// the same trouble.
func (r rated) at(pod *corev1.Pod) rated {
	r.Detail = strings.TrimSpace(fmt.Sprintf("%s (pod %s)", r.Detail, pod.Name))
	return r
}

// containerTrouble is nil while a container may still come up by itself.
func containerTrouble(kind string, status corev1.ContainerStatus) *Trouble {
	if status.Ready {
		return nil
	}
	waiting := status.State.Waiting
	switch ended := lastEnd(status); {
	case waiting == nil && ended == nil:
		return nil
	case waiting != nil && isImageReason(waiting.Reason):
		return imageTrouble(kind, status)
	case ended != nil && !completedInit(kind, status):
		// Whether it waits, runs once more or has just ended, it is the same loop.
		end := fmt.Sprintf("exited with code %d", ended.ExitCode)
		if ended.Reason != "" {
			end += fmt.Sprintf(" (%s)", ended.Reason)
		}
		return &Trouble{
			Reason:  reasonCrashLoop,
			Summary: fmt.Sprintf("%s %s %s", kind, status.Name, end),
			Detail:  strings.TrimSpace(ended.Message),
		}
	case waiting != nil && strings.HasSuffix(waiting.Reason, "Error"):
		// CreateContainerConfigError, CreateContainerError, RunContainerError and the like.
		return &Trouble{
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

// imageTrouble tells of the attempts to pull and of the pauses between them in the
// same words: kubelets go from one to the other again and again.
func imageTrouble(kind string, status corev1.ContainerStatus) *Trouble {
	waiting := status.State.Waiting
	trouble := &Trouble{
		Reason:  waiting.Reason,
		Summary: fmt.Sprintf("%s %s cannot get image %s", kind, status.Name, status.Image),
		Detail:  waiting.Message,
	}
	if waiting.Reason == reasonErrImagePull {
		trouble.Reason = reasonImagePullBackOff
	}
	if _, cause, found := strings.Cut(waiting.Message, reasonErrImagePull+": "); found {
		trouble.Detail = cause
	}
	return trouble
}

// lastEnd is how a container ended last that is to run on; nil if it never did.
func lastEnd(status corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if status.State.Terminated != nil {
		return status.State.Terminated
	}
	return status.LastTerminationState.Terminated
}

// completedInit tells that an init container has done its work, or is doing it.
func completedInit(kind string, status corev1.ContainerStatus) bool {
	ended := status.State.Terminated
	return kind == "init container" && ended != nil && ended.ExitCode == 0
}

// slow says what a pod still lacks of which nothing is known to be wrong.
func slow(pod *corev1.Pod) Trouble {
	trouble := Trouble{Reason: ReasonNotReady, Summary: "pods do not become ready", Slow: true}
	for _, kind := range []corev1.PodConditionType{corev1.ContainersReady, corev1.PodReady} {
		condition := podCondition(pod, kind)
		if condition != nil && condition.Status != corev1.ConditionTrue && condition.Message != "" {
			trouble.Detail = condition.Message
			break
		}
	}
	return trouble
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

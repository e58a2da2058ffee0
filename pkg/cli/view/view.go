package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// View is what there is to show of a ReplicationController at one moment.
type View struct {
	Name, Namespace string
	Phase           progress.Phase

	// Live and Requested are images; Requested is empty if no others are requested.
	Live, Requested string

	// RequestedBy is who asked for it, Elapsed how long ago; 0 if that is not known.
	RequestedBy string
	Elapsed     time.Duration

	// Step says how far it is.
	Step string

	// Left is about how long it takes; only if Estimated.
	Left      time.Duration
	Estimated bool

	// Cause says why it does not go on as it should; empty if it does.
	Cause string

	// Counts are numbers of pods.
	Counts Counts

	// Groups are the ReplicationController and what it owns, in this order.
	Groups []Group
}

// Counts are numbers of pods: with the old and the new template, available ones of both,
// terminating ones, and what is wanted.
type Counts struct {
	Old, New, Available, Terminating int

	Desired, MinAvailable, MaxPods int
}

// Group is a ReplicationController with its pods.
type Group struct {
	Name string

	// Role is "old" or "new" while there are both.
	Role string

	Replicas, Available int
	Images              string
	Age                 time.Duration
	Pods                []Pod
}

// Of is the view of a rollout with its pods; those of others are passed over.
func Of(r progress.Rollout, pods []corev1.Pod, pace *Pace, now time.Time) View {
	v := View{
		Name: r.Name(), Namespace: r.Namespace, Phase: r.Phase,
		Live: images(r.Live), RequestedBy: r.RequestedBy,
		Step: stepOf(r), Cause: causeOf(r, pods), Groups: groupsOf(r, pods, now),
	}
	if r.Requested != nil && !r.Cancelled {
		v.Requested = images(r.Requested)
	}
	if !r.RequestedAt.IsZero() {
		v.Elapsed = max(0, now.Sub(r.RequestedAt))
	}
	v.Left, v.Estimated = pace.Left(now, r)
	v.Counts = v.count(r)
	return v
}

func (v View) count(r progress.Rollout) Counts {
	minAvailable, maxPods := r.Bounds()
	counts := Counts{Desired: int(r.Desired), MinAvailable: int(max(minAvailable, 0)), MaxPods: int(maxPods)}
	for _, group := range v.Groups {
		for _, pod := range group.Pods {
			switch {
			case pod.State == Terminating:
				counts.Terminating++
				continue
			case group.Role == roleOld:
				counts.Old++
			default:
				counts.New++
			}
			if pod.State == Available {
				counts.Available++
			}
		}
	}
	return counts
}

// The roles of a Group.
const (
	roleOld = "old"
	roleNew = "new"
)

// groupsOf are the ReplicationController and what it owns. While a rollout is undone all
// of what it owns is new, else only that with the requested template. After the seal the
// ReplicationController's own template is the new one.
func groupsOf(r progress.Rollout, pods []corev1.Pod, now time.Time) []Group {
	root, owned := roleOld, roleOld
	switch r.Phase {
	case progress.Promoting:
		root = roleNew
	case progress.RollingBack:
		owned = roleNew
	}
	if !r.Phase.Pending() {
		root = ""
	}
	groups := []Group{groupOf(r.RC, root, images(r.Live), pods, now)}
	if r.Phase == progress.Promoting {
		groups[0].Replicas = int(r.Desired) // It has none while it is sealed.
		groups[0].adoptable(r, pods, now)
	}
	if r.New != nil {
		wanted := r.Requested
		if r.Phase == progress.Promoting {
			wanted = r.Live
		}
		groups = append(groups, groupOf(*r.New, roleNew, images(wanted), pods, now))
	}
	for _, member := range r.Old {
		groups = append(groups, groupOf(member, owned, "", pods, now))
	}
	return groups
}

func groupOf(member rollout.Member, role, images string, pods []corev1.Pod, now time.Time) Group {
	group := Group{Name: member.Name, Role: role, Replicas: int(member.Replicas), Images: images}
	if !member.Created.IsZero() {
		group.Age = max(0, now.Sub(member.Created))
	}
	for i := range pods {
		if owner := api.ControllerOf(&pods[i]); owner != nil && owner.UID == member.UID {
			group.add(podOf(&pods[i], member.MinReady, now))
		}
	}
	return group
}

// adoptable adds the pods that belong to nobody for the moment in which they change hands.
func (g *Group) adoptable(r progress.Rollout, pods []corev1.Pod, now time.Time) {
	hash := r.Live.Promoting()
	if hash == "" {
		return
	}
	for i := range pods {
		if api.ControllerOf(&pods[i]) != nil {
			continue
		}
		for _, value := range pods[i].Labels {
			if value == hash {
				g.add(podOf(&pods[i], r.RC.MinReady, now))
				break
			}
		}
	}
}

func (g *Group) add(pod Pod) {
	if pod.State == Available {
		g.Available++
	}
	at, _ := slices.BinarySearchFunc(g.Pods, pod, func(a, b Pod) int { return strings.Compare(a.Name, b.Name) })
	g.Pods = slices.Insert(g.Pods, at, pod)
}

// stepOf says how far the rollout is.
func stepOf(r progress.Rollout) string {
	switch r.Phase {
	case progress.Complete:
		return fmt.Sprintf("all %d pods are available", r.Desired)
	case progress.Settling, progress.RolledBack:
		return fmt.Sprintf("%d of %d pods available", min(r.RC.Available, r.Desired), r.Desired)
	case progress.RollingBack:
		return fmt.Sprintf("%d of %d old pods are back", min(r.RC.Available, r.Desired), r.Desired)
	case progress.Promoting:
		return "taking over the new pods: " + promotionOf(r)
	case progress.Deleting:
		return "is being deleted"
	}
	return fmt.Sprintf("%d of %d pods replaced", r.Updated(), r.Desired)
}

// promotionOf is the step of a promotion, in the words of docs/design.md.
func promotionOf(r progress.Rollout) string {
	switch {
	case r.Live.Selector()[api.SealedLabel] != "" && r.New != nil && !r.New.Deleting:
		return "sealed"
	case r.Live.Selector()[api.SealedLabel] != "":
		return "orphaning them"
	case r.Live.Promoting() != "":
		return "adopting them"
	}
	return "finishing"
}

// causeOf says why the rollout does not go on: what the conditions tell of it or, sooner,
// the pods.
func causeOf(r progress.Rollout, pods []corev1.Pod) string {
	if !r.Phase.Pending() && r.Phase != progress.RolledBack {
		return ""
	}
	switch r.Reason {
	case "", rollout.ReasonUpdated, rollout.ReasonComplete, rollout.ReasonPromoting:
	default:
		if r.Reason != rollout.ReasonRollingBack || r.FailureRollback {
			return r.Reason + ": " + r.Message
		}
	}
	awaited := &r.RC
	if r.Phase == progress.Rolling {
		awaited = r.New
	}
	if awaited == nil || r.Phase == progress.Paused || r.Phase == progress.RolledBack {
		return ""
	}
	if problem := rollout.Inspect(*awaited, pods).Problem; problem != nil && !problem.Slow {
		return problem.Reason + ": " + problem.Summary + ": " + problem.Detail
	}
	return ""
}

func images(spec api.Spec) string { return strings.Join(spec.DistinctImages(), ", ") }

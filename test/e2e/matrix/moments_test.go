package matrix

import (
	"context"
	"fmt"
	"slices"

	"github.com/stretchr/testify/assert"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/observe"
)

// matrixSurge is the number of pods that come in one step.
const matrixSurge = 2

// holdFinalizer keeps a promotion where it is: the new RC, which has to be gone before
// the pods are adopted, waits for it.
const holdFinalizer = "example.com/held-by-a-test"

// The moments by name.
const (
	before    = "before"
	underWay  = "pending"
	promoting = "promoting"
	after     = "after"
	failed    = "failed"
)

// moment is a moment of the life of a ReplicationController.
type moment struct {
	name, title string

	replicas    int
	annotations []string

	// asked is the image of the rollout that came before, empty for none; promoted
	// reports whether it is live.
	asked    string
	promoted bool

	// reach waits for the moment, once the rollout was asked for.
	reach func(*attempt)

	// turnover of pods from then on to the end, by the meaning of the edit.
	turnover map[meaning]turnover
}

// moments are the columns.
var moments = []moment{
	{
		name: before, title: "before any rollout", replicas: 2,
		annotations: []string{api.MaxSurgeAnnotation, fmt.Sprint(matrixSurge)},
		reach:       func(*attempt) {},
		turnover:    map[meaning]turnover{rollsOut: {2, 2}},
	},
	{
		// Three of five are old. The update period keeps it so.
		name: underWay, title: "while it rolls (2 of 5)", replicas: 5, asked: "tomcat:8",
		annotations: []string{api.MaxSurgeAnnotation, fmt.Sprint(matrixSurge), api.UpdatePeriodAnnotation, "1h"},
		reach:       (*attempt).holdHalfway,
		turnover:    map[meaning]turnover{replaces: {5, 5}, adds: {5, 5}, cancels: {2, 2}, goesOn: {3, 3}, unsent: {3, 3}, refuses: {3, 3}},
	},
	{
		name: promoting, title: "during promotion", replicas: 2, asked: "tomcat:8", promoted: true,
		annotations: []string{api.MaxSurgeAnnotation, fmt.Sprint(matrixSurge)},
		reach:       (*attempt).holdPromotion,
		turnover:    map[meaning]turnover{waits: {2, 2}},
	},
	{
		name: after, title: "after a rollout", replicas: 2, asked: "tomcat:8", promoted: true,
		annotations: []string{api.MaxSurgeAnnotation, fmt.Sprint(matrixSurge)},
		reach:       func(a *attempt) { a.AwaitRollout(a.sent.Images(), a.moment.replicas) },
		turnover:    map[meaning]turnover{rollsOut: {2, 2}},
	},
	{
		// The two pods that never start go, whatever comes.
		name: failed, title: "after a failed one", replicas: 2, asked: "tomcat:bad",
		annotations: []string{api.MaxSurgeAnnotation, fmt.Sprint(matrixSurge)},
		reach: func(a *attempt) {
			a.Await("the new pods cannot start", func(m observe.Moment) bool { return len(m.WithImage(a.sent.Images())) == 2 })
		},
		turnover: map[meaning]turnover{
			replaces: {2, 4}, adds: {observe.Any, observe.Any}, cancels: {0, 2}, goesOn: {0, 2}, unsent: {0, 2}, refuses: {0, 2},
		},
	},
}

func (a *attempt) holdHalfway() {
	a.Await("2 of 5 are new and nothing moves", func(m observe.Moment) bool {
		if len(m.Pods) != 5 || m.Available() != 5 || len(m.WithImage(a.sent.Images())) != 2 || len(m.Owned()) != 1 {
			return false
		}
		for _, rc := range append(m.Owned(), *m.RC) {
			if rc.Status.ObservedGeneration != rc.Generation || rc.Status.AvailableReplicas != rc.Replicas() {
				return false
			}
		}
		return true
	})
	a.release = func() {
		a.patchIfThere(a.RCName, `{"metadata":{"annotations":{"`+api.UpdatePeriodAnnotation+`":null}}}`)
	}
}

// holdPromotion stops at the moment at which the pods belong to nobody.
func (a *attempt) holdPromotion() {
	created := a.Await("the new RC is created", func(m observe.Moment) bool { return len(m.Owned()) == 1 })
	newRC := created.Owned()[0].Name
	// The finalizers of an owned RC are the garbage collector's.
	finalize := func(finalizers string) {
		out := a.TryKubectl("", "patch", "rc/"+newRC, "--as=system:serviceaccount:kube-system:generic-garbage-collector",
			"--type=merge", "-p", `{"metadata":{"finalizers":`+finalizers+`}}`)
		if out.ExitCode != 0 {
			assert.Contains(a, out.Stderr, "(NotFound)")
		}
	}
	finalize(`["` + holdFinalizer + `"]`)
	a.release = func() { finalize("null") }
	a.Cleanup(a.release) // nothing must keep the namespace
	a.Await("the promotion is held", func(m observe.Moment) bool {
		isOrphan := func(pod observe.Pod) bool { return pod.Owner == "" }
		alone := !slices.ContainsFunc(m.Pods, func(pod observe.Pod) bool { return !isOrphan(pod) })
		return harness.Sealed(m) && alone && len(m.Others) == 1 && m.Others[0].DeletionTimestamp != nil &&
			slices.Equal(m.Others[0].Finalizers, []string{holdFinalizer})
	})
}

// patchIfThere changes metadata of an RC, unless that is gone.
func (s *scenario) patchIfThere(rc, patch string) {
	s.Helper()
	_, err := s.RCs().Patch(context.Background(), rc, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "test"})
	if !apierrors.IsNotFound(err) {
		assert.NoError(s, err)
	}
}

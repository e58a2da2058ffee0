package matrix

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/golden"
	"github.com/rcroll/rcroll/test/observe"
)

// try makes the edit and checks what the user reads and what is requested then.
func (a *attempt) try(recorder *recorder) {
	a.Helper()
	got := recorder.during(a, func() answer { return a.row.edit(a) })
	a.checkWords(got)
	switch a.cell.means {
	case removes, orphans, recreates:
		return
	}
	assert.Equal(a, a.wanted(), requestedBy(a.T, a.Stored()), "what is asked for now")
}

// requestedBy is the state that is asked for: the pending one, or the live one.
func requestedBy(t *testing.T, rc *corev1.ReplicationController) golden.State {
	t.Helper()
	spec := rc.Spec
	if text := rc.Annotations[api.RequestAnnotation]; text != "" {
		spec = corev1.ReplicationControllerSpec{}
		require.NoError(t, json.Unmarshal([]byte(text), &spec))
	}
	return golden.StateOf(spec)
}

// checkWords checks what the user reads: the request, what happens, and how to
// follow it; or why not.
func (a *attempt) checkWords(got answer) {
	a.Helper()
	if a.cell.means == refuses {
		assert.Contains(a, got.failure, a.cell.says)
		return
	}
	require.Empty(a, got.failure)
	assert.Contains(a, got.warnings, a.cell.says)
	want := a.words()
	if want == "" && a.cell.says != "" {
		return
	}
	if want == "" {
		assert.NotContains(a, got.warnings, "rc/", "a warning where there is nothing to say")
		return
	}
	assert.Regexp(a, want, got.warnings)
}

// words is the pattern of the warning, empty for none.
func (a *attempt) words() string {
	const follow = "; follow it with: kubectl describe rc/tomcat"
	wanted := a.wanted()
	to := regexp.QuoteMeta(imagesOf(wanted))
	warning := func(format string, args ...any) string {
		return "^Warning: rc/tomcat: " + fmt.Sprintf(format, args...) + follow
	}
	switch a.cell.means {
	case rollsOut:
		return warning("rolling update to %s requested; the pods are replaced gradually", to)
	case adds:
		scaled := a.asked()
		scaled.Replicas = wanted.Replicas
		if scaled == wanted {
			return warning("the rolling update in progress will end with %d replicas", wanted.Replicas)
		}
		return warning("the rolling update in progress now targets %s", to)
	case replaces:
		return warning("the rolling update in progress now targets %s", to)
	case waits:
		return warning("rolling update to %s requested; it starts in a moment, when the one in progress has completed", to)
	case cancels:
		return warning("rolling update cancelled; the pods are rolled back to %s", to)
	case ignored:
		return "^Warning: rc/" + regexp.QuoteMeta(a.edited()) + ": " + regexp.QuoteMeta(a.cell.says)
	case goesOn:
		if a.cell.says != "" {
			return "^Warning: rc/tomcat: .*" + regexp.QuoteMeta(a.cell.says)
		}
		return "(^$|" + warning("no change; the rolling update to %s continues", to) + ")"
	}
	return ""
}

// imagesOf is how a warning names the images.
func imagesOf(state golden.State) string {
	return strings.Join(slices.Compact(slices.Sorted(strings.SplitSeq(state.Images, ","))), ", ")
}

// ends follows the rollout to its end, and checks that it is the one that was asked
// for, by ways that keep the promises.
func (a *attempt) ends() {
	a.Helper()
	switch a.cell.means {
	case removes, orphans, recreates:
		a.endsOtherwise()
		return
	}
	end := a.wanted()
	if a.cell.means == passes && end.Images != a.live().Images {
		a.Await("the edit is live", func(m observe.Moment) bool { return m.RC != nil && golden.StateOf(m.RC.Spec) == end })
		return // it is for the pods to come
	}
	if a.moment.name == failed && strings.Contains(end.Images, ":bad") {
		end = a.rescued(end)
	}
	a.release()
	rested := a.Await(fmt.Sprintf("%+v serves and nothing else is left", end), func(m observe.Moment) bool {
		return harness.Serves(end.Images, int(end.Replicas))(m) && golden.StateOf(m.RC.Spec) == end
	})
	if a.cell.means == rollsOut || a.moment.promoted {
		assert.True(a, api.IsHash(rested.RC.Spec.Selector[api.DefaultHashLabelKey]), "selector %v", rested.RC.Spec.Selector)
	}
	a.Expect(a.bounds(end))
}

// rescued takes back what cannot end. The rollout has done no harm until then.
func (a *attempt) rescued(stuck golden.State) golden.State {
	a.Helper()
	for _, violation := range a.Result().Check(observe.Bounds{
		MinAvailable: min(a.moment.replicas, int(stuck.Replicas)), MaxPods: max(a.moment.replicas, int(stuck.Replicas)) + matrixSurge, Created: observe.Any, Deleted: observe.Any,
	}) {
		a.Errorf("before it is taken back: %v", violation)
	}
	a.Kubectl("annotate", a.Ref(), api.RequestAnnotation+"-")
	end := a.live()
	end.Replicas = stuck.Replicas
	return end
}

// endsOtherwise follows a deletion.
func (a *attempt) endsOtherwise() {
	a.Helper()
	first := a.Result().Moments[0]
	a.release()
	switch a.cell.means {
	case removes:
		a.Await("nothing is left", func(m observe.Moment) bool { return m.RC == nil && len(m.Others) == 0 && len(m.Pods) == 0 })
	case orphans:
		end := a.Await("it is gone", func(m observe.Moment) bool {
			free := true
			for _, other := range m.Others {
				free = free && len(other.OwnerReferences) == 0
			}
			gone := m.RC == nil || m.RC.UID != first.RC.UID
			return gone && free
		})
		assert.Equal(a, len(first.Pods), a.Result().Kept(first.Pods), "%s", end)
	case recreates:
		end := a.wanted()
		a.Await("only the new one is left", func(m observe.Moment) bool {
			return m.RC != nil && m.RC.UID != first.RC.UID && harness.Serves(end.Images, int(end.Replicas))(m)
		})
	}
}

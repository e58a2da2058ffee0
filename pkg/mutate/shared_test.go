package mutate_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/validation"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// kubectl apply edit-last-applied comes under the name of kubectl apply, and declares nothing.
func TestEditLastApplied(t *testing.T) {
	stating := func(image, labels string) change {
		return apply(`{"kind":"ReplicationController","metadata":{"name":"tomcat"` + labels + `},"spec":{"replicas":5,"template":{"spec":{"containers":[{"name":"tomcat","image":"` + image + `"}]}}}}`)
	}
	requesting8 := image("tomcat:8")
	for name, image := range map[string]string{"of what is requested": "tomcat:8", "of what is live": "tomcat:7"} {
		t.Run(name, func(t *testing.T) {
			old := tomcat(stating(image, ""), pending(requesting8), replicas(3))
			d := decide(mutate.Write{Old: old, New: edit(old, stating(image, `,"labels":{"a":"b"}`)), User: user, FieldManager: "kubectl-client-side-apply"}, options)
			require.NoError(t, d.Refusal)
			assert.Equal(t, mutate.Repeats, d.Meaning)
			assert.Equal(t, []string{"tomcat:8"}, requested(t, d).DistinctImages())
		})
	}
}

// kubectl apply --field-manager of the same manifest as the last time sends the replicas only.
func TestAppliedAgain(t *testing.T) {
	const manifest = `{"kind":"ReplicationController","metadata":{"name":"tomcat"},"spec":{"replicas":5,"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:7"}]}}}}`
	old := tomcat(apply(manifest), managed("ci", "Update", `{"f:metadata":{"f:annotations":{"f:kubectl.kubernetes.io/last-applied-configuration":{}}}}`),
		pending(image("tomcat:8")), replicas(3))
	for name, c := range map[string]struct {
		manager string
		edits   []change
		want    mutate.Meaning
	}{
		"the same again":          {"ci", []change{replicas(5)}, mutate.Cancels},
		"by somebody else":        {"scaler", []change{replicas(5)}, mutate.Repeats},
		"other replicas":          {"ci", []change{replicas(6)}, mutate.Retargets},
		"another change, too":     {"ci", []change{replicas(5), env("A", "1")}, mutate.Retargets},
		"a change and no scale":   {"ci", []change{env("A", "1")}, mutate.Retargets},
		"a label and no replicas": {"ci", []change{label("a", "b")}, mutate.Repeats},
	} {
		t.Run(name, func(t *testing.T) {
			d := decide(mutate.Write{Old: old, New: edit(old, c.edits...), User: user, FieldManager: c.manager}, options)
			require.NoError(t, d.Refusal)
			assert.Equal(t, c.want, d.Meaning, d.Warnings)
		})
	}
}

const ownsSidecar = `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"sidecar\"}":{".":{},"f:name":{},"f:image":{}}}}}}}`

// Who applies one of several containers declares that one, and leaves the others to those
// who apply them.
func TestSeveralApply(t *testing.T) {
	sidecar := func(image string) change {
		return func(object map[string]any) {
			spec := at(object, "spec", "template", "spec")
			spec["containers"] = append(spec["containers"].([]any)[:1:1], map[string]any{"name": "sidecar", "image": image})
		}
	}
	old := tomcat(sidecar("proxy:1"), managed("flux", "Apply", ownsImageAndReplicas), managed("mesh", "Apply", ownsSidecar),
		pending(image("tomcat:8")), replicas(3))
	for name, c := range map[string]struct {
		manager string
		edits   []change
		means   mutate.Meaning
		images  []string
	}{
		"the sidecar as it is":     {"mesh", nil, mutate.Repeats, []string{"proxy:1", "tomcat:8"}},
		"another sidecar":          {"mesh", []change{sidecar("proxy:2")}, mutate.Retargets, []string{"proxy:2", "tomcat:8"}},
		"the live tomcat":          {"flux", []change{replicas(5)}, mutate.Cancels, []string{"proxy:1", "tomcat:7"}},
		"yet another tomcat":       {"flux", []change{image("tomcat:9"), replicas(5)}, mutate.Retargets, []string{"proxy:1", "tomcat:9"}},
		"the tomcat that is asked": {"flux", []change{image("tomcat:8"), replicas(5)}, mutate.Repeats, []string{"proxy:1", "tomcat:8"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := decide(mutate.Write{Old: old, New: edit(old, c.edits...), User: user, FieldManager: c.manager}, options)
			require.NoError(t, d.Refusal)
			assert.Equal(t, c.means, d.Meaning, d.Warnings)
			assert.Equal(t, c.images, requested(t, d).DistinctImages())
		})
	}
}

// A backup may lose owners. What rcroll made for a rollout has no pods of its own then.
func TestCreateWithoutOwner(t *testing.T) {
	owner := tomcat(pending(image("tomcat:8")))
	request, err := api.ParseSpec(owner.GetAnnotations()[api.RequestAnnotation])
	require.NoError(t, err)
	owned := api.NewRC(owner, request.WithReplicas(3), hashKey)
	owned.SetOwnerReferences(nil)
	d := mutate.Decide(mutate.Write{New: owned, User: "velero"}, options)
	require.NoError(t, d.Refusal)
	assert.Zero(t, api.SpecOf(d.Object).Replicas())
	require.Len(t, d.Warnings, 1)
	assert.Contains(t, d.Warnings[0], "created without replicas instead of 3")
}

// What rcroll adds until the end of a rollout has to find room, too.
func TestRoomForThePromotion(t *testing.T) {
	record := func(fill int) mutate.Decision {
		old := tomcat(annotate("note", strings.Repeat("x", fill)))
		return decide(mutate.Write{Old: old, New: edit(old, image("tomcat:8")), User: user, Time: time.Now()}, options)
	}
	fill := validation.TotalAnnotationSizeLimitB
	d := record(fill)
	for ; d.Refusal != nil; fill -= 100 {
		d = record(fill)
	}
	stored := edit(d.Object, replicas(0))
	sent := edit(stored, annotate(api.CommandAnnotation, api.Command{Operation: api.Seal, Hash: requested(t, d).Hash(hashKey)}.String()))
	sealed := mutate.Decide(mutate.Write{Old: stored, New: sent, User: agent, Time: time.Now()}, options)
	require.NoError(t, sealed.Refusal)
	assert.NoError(t, validation.ValidateAnnotationsSize(sealed.Object.GetAnnotations()))
}

// What states the live template along with replicas, or as a copy, may have been meant to
// cancel: it is told how.
func TestSaysHowToCancel(t *testing.T) {
	old := tomcat(pending(image("tomcat:8")), replicas(3))
	exported := func(object map[string]any) { at(object, "metadata")["creationTimestamp"] = "2019-01-01T00:00:00Z" }
	for name, now := range map[string]mutate.Write{
		"a patch":   {New: edit(old, replicas(5), image("tomcat:7")), FieldManager: "kubectl-patch"},
		"an export": {New: edit(old, asManifest, replicas(5), exported), FieldManager: "kubectl-replace"},
	} {
		t.Run(name, func(t *testing.T) {
			now.Old, now.User = old, user
			d := decide(now, options)
			require.Equal(t, mutate.Repeats, d.Meaning)
			require.Len(t, d.Warnings, 1)
			assert.Contains(t, d.Warnings[0], "to cancel it")
		})
	}
}

// Who asked for the template, and when, stays when the replicas change: turns go by it.
func TestReplicasKeepTheTurn(t *testing.T) {
	old := tomcat(pending(image("tomcat:8")), annotate(api.RequestedAtAnnotation, "2026-01-01T00:00:00Z"), annotate(api.RequestedByAnnotation, "alice"))
	d := decide(mutate.Write{Old: old, New: edit(old, replicas(9)), User: user, Time: time.Now()}, options)
	require.Equal(t, mutate.Retargets, d.Meaning)
	assert.Equal(t, "2026-01-01T00:00:00Z", d.Object.GetAnnotations()[api.RequestedAtAnnotation])
	assert.Equal(t, "alice", d.Object.GetAnnotations()[api.RequestedByAnnotation])
}

// An autoscaler's smaller number is computed from the live share of the pods, unless nothing
// has begun: then policies or the user may hold the rollout for days.
func TestAutoscalerScalesDownWhatWaits(t *testing.T) {
	reading := func(reason string) change {
		return func(object map[string]any) {
			at(object, "status")["conditions"] = []any{map[string]any{"type": "Progressing", "reason": reason}}
		}
	}
	paused := annotate(api.PausedAnnotation, api.True)
	for name, c := range map[string]struct {
		edits []change
		want  mutate.Meaning
	}{
		"frozen":                  {[]change{replicas(5), reading("Frozen")}, mutate.Retargets},
		"outside of its window":   {[]change{replicas(5), reading("OutsideWindow")}, mutate.Retargets},
		"queued":                  {[]change{replicas(5), reading("Queued")}, mutate.Retargets},
		"paused":                  {[]change{replicas(5), paused}, mutate.Retargets},
		"frozen in the middle":    {[]change{replicas(3), reading("Frozen")}, mutate.Repeats},
		"paused in the middle":    {[]change{replicas(3), paused}, mutate.Repeats},
		"it does not wait":        {[]change{replicas(5), reading("ReplicationControllerUpdated")}, mutate.Repeats},
		"nobody has looked at it": {[]change{replicas(5)}, mutate.Repeats},
	} {
		t.Run(name, func(t *testing.T) {
			rc := edit(tomcat(pending(image("tomcat:8"))), c.edits...)
			for _, autoscaler := range mutate.DefaultAutoscalerUsers {
				d := mutate.DecideScale(mutate.ScaleWrite{Object: rc, Replicas: 2, User: autoscaler}, options)
				assert.Equal(t, c.want, d.Meaning, autoscaler)
			}
		})
	}
}

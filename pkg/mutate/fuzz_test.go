package mutate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// FuzzDecide feeds whatever decodes to an object: nothing panics, and what holds
// for every user's write holds.
func FuzzDecide(f *testing.F) {
	add := func(old, changed map[string]any, manager string) {
		before, err := utiljson.Marshal(old)
		require.NoError(f, err)
		after, err := utiljson.Marshal(changed)
		require.NoError(f, err)
		f.Add(before, after, manager)
	}
	add(tomcat(), tomcat(image("tomcat:8")), "kubectl-set")
	add(rolling(), rolling(env("A", "1"), replicas(4)), "kubectl-edit")
	add(rolling(managed("ci", "Apply", ownsImageAndReplicas)), rolling(managed("ci", "Apply", ownsImageAndReplicas)), "ci")
	add(rolling(), rolling(asManifest), "kubectl-replace")
	add(rolling(), rolling(unannotate(api.RequestAnnotation)), "kubectl-annotate")
	add(tomcat(hashed), tomcat(selector(map[string]any{"app": "tomcat"}), apply("{}")), "helm")
	f.Fuzz(func(t *testing.T, before, after []byte, manager string) {
		var old, changed map[string]any
		if utiljson.Unmarshal(before, &old) != nil || utiljson.Unmarshal(after, &changed) != nil || old == nil || changed == nil {
			t.Skip("not objects")
		}
		write := mutate.Write{Old: old, New: changed, User: user, FieldManager: manager}
		decision := mutate.Decide(write, options)
		checkUserWrite(t, write, decision)
		mutate.Decide(mutate.Write{New: changed, User: user}, options)
		mutate.DecideScale(mutate.ScaleWrite{Object: old, Replicas: 3, User: user}, options)
	})
}

// FuzzPlan feeds whatever might stand in the plan annotation.
func FuzzPlan(f *testing.F) {
	f.Add(`{"operation":"scale","hash":"x","replicas":1}`)
	f.Add(`{"operation":"finish"}`)
	f.Fuzz(func(t *testing.T, plan string) {
		decision := mutate.Decide(mutate.Write{Old: rolling(), New: rolling(annotate(api.PlanAnnotation, plan)), User: agent}, options)
		require.True(t, (decision.Refusal == nil) == (decision.Object != nil))
	})
}

// checkUserWrite asserts what is true of every write of a user to an object that
// is no next ReplicationController.
func checkUserWrite(t require.TestingT, write mutate.Write, decision mutate.Decision) {
	if decision.Refusal != nil {
		assert.Nil(t, decision.Object)
		return
	}
	require.NotNil(t, decision.Object)
	_, wasPending := at(deepCopy(write.Old), "metadata", "annotations")[api.RequestAnnotation].(string)
	switch decision.Meaning {
	case mutate.Passes:
		return
	case mutate.Requests:
		require.False(t, wasPending)
	case mutate.Retargets, mutate.Cancels, mutate.Repeats:
		require.True(t, wasPending)
	default:
		require.Fail(t, "no meaning of a user's", "%s", decision.Meaning)
	}
	assert.True(t, api.SpecOf(write.Old).Equal(api.SpecOf(decision.Object)), "the live spec moved without a plan")
	annotations := at(deepCopy(decision.Object), "metadata", "annotations")
	assert.NotContains(t, annotations, api.PlanAnnotation, "a user wrote a plan")
	text, _ := annotations[api.RequestAnnotation].(string)
	assert.NotEmpty(t, text)
}

func deepCopy(object map[string]any) map[string]any { return edit(object) }

// TestRepeatedWrites: doing the same again, as pipelines do, changes nothing.
func TestRepeatedWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := tomcat()
		for range rapid.IntRange(1, 6).Draw(t, "writes") {
			changes := drawChanges(t)
			first := mutate.Decide(mutate.Write{Old: object, New: edit(object, changes...), User: user}, options)
			require.NoError(t, first.Refusal)
			checkUserWrite(t, mutate.Write{Old: object}, first)
			object = first.Object
			again := mutate.Decide(mutate.Write{Old: object, New: edit(object, changes...), User: user}, options)
			require.NoError(t, again.Refusal)
			if first.Meaning != mutate.Passes {
				assert.Equal(t, object, again.Object)
			}
		}
	})
}

// drawChanges is an imperative edit.
func drawChanges(t *rapid.T) []change {
	choices := map[string]change{
		"image": image(rapid.SampledFrom([]string{"tomcat:7", "tomcat:8", "tomcat:9"}).Draw(t, "image")),
		"env": func(object map[string]any) {
			container(object)["env"] = []any{map[string]any{"name": "A", "value": "1"}}
		},
		"scale": replicas(int64(rapid.IntRange(1, 9).Draw(t, "replicas"))),
		"label": label("team", "a"),
	}
	var changes []change
	for _, name := range []string{"image", "env", "scale", "label"} {
		if rapid.Bool().Draw(t, name) {
			changes = append(changes, choices[name])
		}
	}
	return changes
}

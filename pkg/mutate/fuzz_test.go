package mutate_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/test/golden"
)

// FuzzDecide feeds whatever decodes to an object: nothing panics, and what holds
// for every user's write holds.
func FuzzDecide(f *testing.F) {
	add := func(old, changed *unstructured.Unstructured, manager string) {
		before, err := utiljson.Marshal(old.Object)
		require.NoError(f, err)
		after, err := utiljson.Marshal(changed.Object)
		require.NoError(f, err)
		f.Add(before, after, manager)
	}
	add(tomcat(), tomcat(image("tomcat:8")), "kubectl-set")
	add(rolling(), rolling(env("A", "1"), replicas(4)), "kubectl-edit")
	add(rolling(managed("ci", "Apply", ownsImageAndReplicas)), rolling(managed("ci", "Apply", ownsImageAndReplicas)), "ci")
	add(rolling(), rolling(asManifest), "kubectl-replace")
	add(rolling(), rolling(unannotate(api.RequestAnnotation)), "kubectl-annotate")
	add(tomcat(hashed), tomcat(selector(map[string]any{"app": "tomcat"}), apply("{}")), "helm")
	recorded(f)
	f.Fuzz(func(t *testing.T, before, after []byte, manager string) {
		old, changed := &unstructured.Unstructured{}, &unstructured.Unstructured{}
		if utiljson.Unmarshal(before, &old.Object) != nil || utiljson.Unmarshal(after, &changed.Object) != nil || old.Object == nil || changed.Object == nil {
			t.Skip("not objects")
		}
		if api.IsForeign(old) || api.IsForeign(changed) {
			t.Skip("what another kind controls is left alone: TestForeignPasses")
		}
		write := mutate.Write{Old: old, New: changed, User: user, FieldManager: manager}
		decision := decide(write, options)
		checkUserWrite(t, write, decision)
		assert.Equal(t, toJSON(t, decision), toJSON(t, decide(write, options)), "decided another way the second time")
		assert.Equal(t, [2]string{string(before), string(after)}, [2]string{reencoded(t, before, old), reencoded(t, after, changed)}, "the input was changed")
		checkCreate(t, decide(mutate.Write{New: changed, User: user}, options))
		checkScale(t, old, mutate.DecideScale(mutate.ScaleWrite{Object: old, Replicas: 3, User: user}, options))
	})
}

// recorded adds the reviews that a real API server sent.
func recorded(f *testing.F) {
	edits, err := golden.Load("../webhook/testdata/reviews")
	require.NoError(f, err)
	for _, cases := range edits {
		for _, c := range cases {
			for _, raw := range c.Reviews {
				request, err := golden.Review(raw)
				require.NoError(f, err)
				var options struct{ FieldManager string }
				require.NoError(f, json.Unmarshal(request.Options.Raw, &options))
				if request.SubResource == "" && request.OldObject.Raw != nil {
					f.Add(request.OldObject.Raw, request.Object.Raw, options.FieldManager)
				}
			}
		}
	}
}

// reencoded is the text that an object was decoded from, unless the object is
// another one by now.
func reencoded(t *testing.T, text []byte, object *unstructured.Unstructured) string {
	var fresh map[string]any
	require.NoError(t, utiljson.Unmarshal(text, &fresh))
	if reflect.DeepEqual(fresh, object.Object) {
		return string(text)
	}
	return toJSON(t, object.Object)
}

// checkCreate asserts what is true of every object that a user creates: nothing of
// a rollout elsewhere is in it. Settings that are wrong are refused.
func checkCreate(t *testing.T, decision mutate.Decision) {
	if decision.Refusal != nil {
		assert.Nil(t, decision.Object)
		return
	}
	assert.Equal(t, mutate.Passes, decision.Meaning)
	annotations := decision.Object.GetAnnotations()
	assert.NotContains(t, annotations, api.CommandAnnotation)
	assert.NotContains(t, annotations, api.RequestAnnotation)
	assert.False(t, api.SpecOf(decision.Object).Marked())
}

// checkScale asserts what is true of every wish for replicas: it is refused, the
// API server's to carry out, or part of a request that can be read again.
func checkScale(t *testing.T, object *unstructured.Unstructured, decision mutate.ScaleDecision) {
	_, pending := object.GetAnnotations()[api.RequestAnnotation]
	if decision.Refusal == nil {
		assert.Equal(t, pending || api.IsOwned(object), decision.KeepLive, "the live replicas moved without a command")
	}
	if decision.Request != nil {
		request, err := api.ParseSpec(decision.Request.String())
		require.NoError(t, err)
		assert.EqualValues(t, 3, request.Replicas())
	}
}

// FuzzCommand feeds whatever might stand in the command annotation.
func FuzzCommand(f *testing.F) {
	f.Add(`{"operation":"Scale","hash":"x","replicas":1}`)
	f.Add(`{"operation":"Finish"}`)
	f.Fuzz(func(t *testing.T, command string) {
		decision := decide(mutate.Write{Old: rolling(), New: rolling(annotate(api.CommandAnnotation, command)), User: agent}, options)
		require.True(t, (decision.Refusal == nil) == (decision.Object != nil))
	})
}

// checkUserWrite asserts what is true of every write of a user.
func checkUserWrite(t require.TestingT, write mutate.Write, decision mutate.Decision) {
	if decision.Refusal != nil {
		assert.Nil(t, decision.Object)
		return
	}
	require.NotNil(t, decision.Object)
	before, after := write.Old.GetAnnotations(), decision.Object.GetAnnotations()
	_, wasPending := before[api.RequestAnnotation]
	for _, key := range []string{api.CommandAnnotation, api.RequestAnnotation} {
		if value, written := after[key]; written && (decision.Meaning == mutate.Passes || key == api.CommandAnnotation) {
			assert.Equal(t, before[key], value, "a user wrote %s", key)
		}
	}
	switch decision.Meaning {
	case mutate.Passes:
		return
	case mutate.Ignored:
		require.True(t, api.IsOwned(write.Old))
		assert.True(t, api.SpecOf(write.Old).Equal(api.SpecOf(decision.Object)))
		return
	case mutate.Requests:
		require.False(t, wasPending)
	case mutate.Retargets, mutate.Cancels, mutate.Repeats:
		require.True(t, wasPending)
	default:
		require.Fail(t, "no meaning of a user's", "%s", decision.Meaning)
	}
	assert.True(t, api.SpecOf(write.Old).Equal(api.SpecOf(decision.Object)), "the live spec moved without a command")
	text := after[api.RequestAnnotation]
	assert.NotEmpty(t, text)
	if readable(write.Old) && readable(write.New) {
		request, err := api.ParseSpec(text)
		require.NoError(t, err, "the request cannot be read again")
		assert.True(t, request.Unlabelled(hashKey).Equal(request), "rcroll's labels are in the request")
	}
}

// readable reports whether the spec has the types that the API server guarantees.
func readable(object *unstructured.Unstructured) bool {
	_, err := api.ParseSpec(api.SpecOf(object).String())
	return err == nil
}

// TestRepeatedWrites: doing the same again, as pipelines do, changes nothing.
func TestRepeatedWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := tomcat()
		for range rapid.IntRange(1, 6).Draw(t, "writes") {
			changes := drawChanges(t)
			first := decide(mutate.Write{Old: object, New: edit(object, changes...), User: user}, options)
			require.NoError(t, first.Refusal)
			checkUserWrite(t, mutate.Write{Old: object, New: edit(object, changes...)}, first)
			object = first.Object
			again := decide(mutate.Write{Old: object, New: edit(object, changes...), User: user}, options)
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

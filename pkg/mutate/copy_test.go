package mutate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/mutate"
)

// drop removes fields of the metadata.
func drop(fields ...string) change {
	return func(object map[string]any) {
		for _, field := range fields {
			delete(at(object, "metadata"), field)
		}
	}
}

// What was read from the API server and edited declares nothing, however much of its
// metadata was dropped on the way.
func TestCopiesAreImperative(t *testing.T) {
	const manifest = `"spec":{"replicas":3,"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:7"}]}}}}`
	server := []string{"uid", "generation", "creationTimestamp", "resourceVersion", "managedFields"}
	old := rolling(hashed)
	for name, changes := range map[string][]change{
		"kubectl edit --save-config":             {apply(`{"metadata":{"uid":"u1"},` + manifest)},
		"only a creation time is left in it":     {apply(`{"metadata":{"creationTimestamp":"2026-01-01T00:00:00Z"},` + manifest)},
		"only a generation":                      {apply(`{"metadata":{"generation":3},` + manifest)},
		"only the status":                        {apply(`{"status":{"observedGeneration":3},` + manifest)},
		"only the label that says it is rolling": {apply(`{"metadata":{"labels":{"rcroll.dev/rolling":"true"}},` + manifest)},
		"kubectl replace of a copy":              {},
		"without its generation":                 {drop("generation")},
		"without its uid":                        {drop("uid")},
		"without all that the server sets":       {drop(server...)},
		"and without annotations":                {drop(append(server, "annotations")...)},
		"and without labels either":              {drop(append(server, "annotations", "labels")...)},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(mutate.Write{Old: old, New: edit(old, append(changes, env("A", "1"))...), User: user}, options)
			require.NoError(t, decision.Refusal)
			assert.Equal(t, mutate.Retargets, decision.Meaning)
			request := requested(t, decision)
			assert.Equal(t, "tomcat:8", request.Images()["containers/tomcat"])
			assert.EqualValues(t, 5, request.Replicas(), "3 is the live share")
			assert.NotNil(t, container(map[string]any{"spec": map[string]any(request)})["env"])
		})
	}
}

// A manifest is one, though it was generated or was an export once.
func TestManifestsAreNoCopies(t *testing.T) {
	const stale = "0123456789abcdef0123456789abcdef"
	old := rolling(hashed)
	live := func(o map[string]any) { o["spec"] = tomcat().Object["spec"] }
	for name, changes := range map[string][]change{
		"generated, with an empty status": {asManifest, live, func(o map[string]any) { o["status"] = map[string]any{"replicas": int64(0)} }},
		"an export that was cleaned up, of other pods": {asManifest, live, selector(map[string]any{"app": "tomcat", hashKey: stale}),
			templateLabel(hashKey, stale)},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(mutate.Write{Old: old, New: edit(old, changes...), User: user}, options)
			require.NoError(t, decision.Refusal)
			assert.Equal(t, mutate.Cancels, decision.Meaning)
		})
	}
}

// A copy that does not say of which version it is may have the share of a moment ago.
func TestAnOldCopysShareIsNoWish(t *testing.T) {
	old := rolling()
	requests := func(changes ...change) int32 {
		decision := decide(mutate.Write{Old: old, New: edit(old, changes...), User: user}, options)
		require.NoError(t, decision.Refusal)
		return requested(t, decision).Replicas()
	}
	assert.EqualValues(t, 5, requests(drop("resourceVersion"), replicas(4)), "it was 4 a moment ago")
	assert.EqualValues(t, 4, requests(replicas(4)), "edited by who read the version that is live")
	assert.EqualValues(t, 8, requests(drop("resourceVersion"), replicas(8)))
	assert.EqualValues(t, 2, requests(drop("resourceVersion"), replicas(2)))
}

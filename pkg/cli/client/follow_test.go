package client

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
)

// rc is a version of a ReplicationController.
func rc(name, version string, rolling bool) *unstructured.Unstructured {
	object := api.EmptyRC()
	object.SetName(name)
	object.SetUID(types.UID("uid of " + name))
	object.SetResourceVersion(version)
	if rolling {
		object.SetLabels(map[string]string{api.RollingLabel: api.True})
	}
	return object
}

// Two watches show one state, or none.
func TestPick(t *testing.T) {
	list := func(rcs ...*unstructured.Unstructured) []*unstructured.Unstructured { return rcs }
	idle, begun, goesOn, over := rc("tomcat", "10", false), rc("tomcat", "20", true), rc("tomcat", "30", true), rc("tomcat", "40", false)
	owned := rc("tomcat-0123", "25", true)
	successor := rc("tomcat", "50", false)
	successor.SetUID("another")
	for name, c := range map[string]struct {
		named, rolling []*unstructured.Unstructured
		since          *unstructured.Unstructured
		want           *unstructured.Unstructured
		others         int
		ok             bool
	}{
		"idle":                                  {list(idle), nil, idle, idle, 0, true},
		"rolling":                               {list(goesOn), list(goesOn, owned), begun, goesOn, 1, true},
		"the rolling ones are behind":           {list(goesOn), list(begun, owned), begun, begun, 1, true},
		"they do not show it yet":               {list(begun), list(owned), idle, nil, 0, false},
		"they do not show it any more":          {list(goesOn), nil, goesOn, nil, 0, false},
		"over":                                  {list(over), nil, goesOn, over, 0, true},
		"over, and they show it as it was":      {list(over), list(goesOn, owned), goesOn, goesOn, 1, true},
		"over, but shown as before the rollout": {list(idle), nil, goesOn, nil, 0, false},
		"an old list":                           {list(idle), list(begun), goesOn, nil, 0, false},
		"deleted":                               {nil, nil, idle, nil, 0, true},
		"created anew":                          {list(successor), nil, over, successor, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			seen, ok := pick(c.named, c.rolling, c.since)
			assert.Equal(t, c.ok, ok)
			if ok {
				assert.Equal(t, c.want, seen.RC)
				assert.Len(t, seen.Others, c.others)
			}
		})
	}
}

// All pods of a rollout have the labels of its ReplicationController, but where other
// labels are requested, or the hash has a key of its own.
func TestPodSelectors(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef"
	spec := func(labels map[string]any) api.Spec {
		return api.Spec{"replicas": int64(1), "selector": labels, "template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{}}}
	}
	tomcat := func(live, wanted map[string]any) *unstructured.Unstructured {
		object := rc("tomcat", "1", true)
		object.Object["spec"] = map[string]any(spec(live))
		object.SetAnnotations(map[string]string{api.RequestAnnotation: spec(wanted).String()})
		return object
	}
	plain, other := map[string]any{"app": "tomcat"}, map[string]any{"app": "tomcat", "tier": "web"}
	hashed := map[string]any{"app": "tomcat", "deployment": hash}
	own := map[string]any{"app": "tomcat", "hash": hash}
	assert.Equal(t, []string{"app=tomcat"}, podSelectors(tomcat(plain, plain), nil))
	assert.Equal(t, []string{"app=tomcat"}, podSelectors(tomcat(hashed, plain), []*unstructured.Unstructured{api.NewRC(tomcat(plain, plain), spec(plain), "deployment")}))
	assert.Equal(t, []string{"app=tomcat", "app=tomcat,tier=web"}, podSelectors(tomcat(plain, other), nil))
	assert.Equal(t, []string{"app=tomcat", "app=tomcat,hash=" + hash}, podSelectors(tomcat(own, plain), nil))
	assert.Empty(t, podSelectors(nil, nil))
}

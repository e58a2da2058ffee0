package mutate_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// service is a ReplicationController of the usual size: two containers with 20
// variables each, probes, volumes, and the traces of its clients.
func service(changes ...change) *unstructured.Unstructured {
	return tomcat(append([]change{func(object map[string]any) {
		template := at(object, "spec", "template", "spec")
		main := container(object)
		for i := range 20 {
			env(fmt.Sprintf("VARIABLE_%d", i), "value")(object)
		}
		main["livenessProbe"] = parse(`{"httpGet":{"path":"/healthz","port":8080,"scheme":"HTTP"},"periodSeconds":10,"timeoutSeconds":1,"successThreshold":1,"failureThreshold":3}`)
		main["volumeMounts"] = []any{parse(`{"name":"data","mountPath":"/data"}`), parse(`{"name":"config","mountPath":"/etc/app"}`)}
		sidecar := runtime.DeepCopyJSON(main)
		sidecar["name"], sidecar["image"] = "proxy", "proxy:1"
		template["containers"] = []any{main, sidecar}
		template["volumes"] = []any{parse(`{"name":"data","emptyDir":{}}`), parse(`{"name":"config","configMap":{"name":"app","defaultMode":420}}`)}
		at(object, "metadata")["managedFields"] = []any{parse(`{"manager":"kubectl-create","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z",
			"fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:replicas":{},"f:selector":{},"f:template":{"f:metadata":{"f:labels":{".":{},"f:app":{}}},
			"f:spec":{"f:containers":{"k:{\"name\":\"tomcat\"}":{".":{},"f:image":{},"f:env":{},"f:ports":{}}}}}}}}`)}
	}}, changes...)...)
}

// decisions are writes of every kind that comes often.
func decisions() map[string]mutate.Write {
	live := service()
	pending := decide(mutate.Write{Old: live, New: edit(live, image("tomcat:8")), User: user}, options).Object
	request, err := api.ParseSpec(pending.GetAnnotations()[api.RequestAnnotation])
	if err != nil {
		panic(err)
	}
	command := api.Command{Operation: api.Scale, Hash: request.Hash(hashKey), Replicas: 4}
	retarget := mutate.Write{Old: pending, New: edit(pending, image("tomcat:9")), User: user}
	answered := retarget
	answered.Stored = api.SpecOf(mutate.Decide(retarget, options).Question)
	return map[string]mutate.Write{
		"answered":  answered,
		"passes":    {Old: live, New: edit(live, replicas(3)), User: user},
		"requests":  {Old: live, New: edit(live, image("tomcat:8")), User: user},
		"retargets": retarget,
		"repeats":   {Old: pending, New: edit(pending, image("tomcat:8")), User: user},
		"steps":     {Old: pending, New: edit(pending, annotate(api.CommandAnnotation, command.String())), User: agent},
	}
}

func BenchmarkDecide(b *testing.B) {
	for name, write := range decisions() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mutate.Decide(write, options)
			}
		})
	}
}

// TestAllocations guards what a review costs. Who makes one dearer on purpose changes
// the number here, and says why in the commit; so does who makes it cheaper. There is
// room for a few in a hundred, which the order in maps decides on.
func TestAllocations(t *testing.T) {
	limits := map[string]float64{
		"passes":    40,
		"answered":  1650,
		"requests":  410,
		"retargets": 1380,
		"repeats":   1290, // to tell a copy of what is live from a manifest
		"steps":     1150, // a seal says since when, and each step keeps more keys of rcroll's
	}
	for name, write := range decisions() {
		allocations := testing.AllocsPerRun(20, func() { mutate.Decide(write, options) })
		assert.LessOrEqual(t, allocations, limits[name], "%s", name)
	}
}

// TestDecideLeavesTheWriteAlone: what is decided shares memory with the write.
func TestDecideLeavesTheWriteAlone(t *testing.T) {
	for name, write := range decisions() {
		before := mutate.Write{Old: edit(write.Old), New: edit(write.New), User: write.User, Stored: write.Stored}
		decide(write, options)
		assert.Equal(t, before, write, name)
	}
}

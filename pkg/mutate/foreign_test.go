package mutate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// controlledBy makes something the controller of the object.
func controlledBy(apiVersion, kind string) func(map[string]any) {
	return func(object map[string]any) {
		at(object, "metadata")["ownerReferences"] = []any{map[string]any{
			"apiVersion": apiVersion, "kind": kind, "name": "frontend", "uid": "u0", "controller": true}}
	}
}

// What something of another kind controls is stored as it was sent, whatever it carries.
func TestForeignPasses(t *testing.T) {
	for _, controller := range []struct{ apiVersion, kind string }{
		{"apps.openshift.io/v1", "DeploymentConfig"},
		{"example.com/v1", "Application"},
		{"example.com/v1", "ReplicationController"},
	} {
		foreign := tomcat(controlledBy(controller.apiVersion, controller.kind))
		rolling := edit(rolling(), controlledBy(controller.apiVersion, controller.kind))
		for name, write := range map[string]mutate.Write{
			"created":                      {New: foreign},
			"created with rcroll's keys":   {New: rolling},
			"another image":                {Old: foreign, New: edit(foreign, image("tomcat:8"))},
			"a setting that is not valid":  {Old: foreign, New: edit(foreign, annotate(api.MaxSurgeAnnotation, "some"))},
			"another image, while rolling": {Old: rolling, New: edit(rolling, image("tomcat:9"))},
			"replicas, while rolling":      {Old: rolling, New: edit(rolling, replicas(3))},
		} {
			t.Run(controller.kind+"."+controller.apiVersion+"/"+name, func(t *testing.T) {
				write.User = user
				decision := decide(write, options)
				require.NoError(t, decision.Refusal)
				assert.Equal(t, mutate.Passes, decision.Meaning)
				assert.Equal(t, write.New, decision.Object)
				assert.Empty(t, decision.Warnings)
			})
		}
		scale := mutate.DecideScale(mutate.ScaleWrite{Object: rolling, Replicas: 3, User: user}, options)
		assert.Equal(t, mutate.ScaleDecision{Meaning: mutate.Passes}, scale)
		sealed := edit(rolling, selector(map[string]any{"app": "tomcat", api.SealedLabel: "x"}))
		_, err := mutate.GuardDelete(sealed, time.Time{})
		assert.NoError(t, err)
	}
}

// A write that hands it over is not one of it yet.
func TestForeignBothBeforeAndAfter(t *testing.T) {
	foreign := tomcat(controlledBy("apps.openshift.io/v1", "DeploymentConfig"))
	for name, write := range map[string]mutate.Write{
		"taken over": {Old: tomcat(), New: edit(foreign, image("tomcat:8")), User: user},
		"let go":     {Old: foreign, New: tomcat(image("tomcat:8")), User: user},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, mutate.Requests, decide(write, options).Meaning)
		})
	}
}

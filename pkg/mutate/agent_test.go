package mutate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// The agent's token is not enough to roll out whatever one likes: the request is
// recorded by the webhook, and changed by what a command does.
func TestAgentWritesNoRequest(t *testing.T) {
	const request = `{"replicas":5,"template":{}}`
	for name, changes := range map[string][]change{
		"another request":             {annotate(api.RequestAnnotation, request)},
		"another one, with a command": {annotate(api.RequestAnnotation, request), annotate(api.CommandAnnotation, `{"operation":"Finish"}`)},
		"no request":                  {unannotate(api.RequestAnnotation)},
		"no label":                    {label(api.RollingLabel, "false")},
		"who asked for it":            {annotate(api.RequestedByAnnotation, "bob")},
	} {
		t.Run(name, func(t *testing.T) {
			old := rolling()
			decision := mutate.Decide(mutate.Write{Old: old, New: edit(old, changes...), User: agent}, options)
			assert.ErrorContains(t, decision.Refusal, "the agent changes the request of a rolling update by commands only")
		})
	}
	begun := edit(tomcat(), annotate(api.RequestAnnotation, request), label(api.RollingLabel, api.True))
	decision := mutate.Decide(mutate.Write{Old: tomcat(), New: begun, User: agent}, options)
	assert.ErrorContains(t, decision.Refusal, "by commands only")
}

package mutate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

func TestGuardDelete(t *testing.T) {
	sealed := []change{
		templateLabel(api.SealedLabel, "x"),
		selector(map[string]any{"app": "tomcat", api.SealedLabel: "x"}),
	}
	assert.NoError(t, mutate.GuardDelete(tomcat()))
	assert.ErrorContains(t, mutate.GuardDelete(tomcat(sealed...)), "rc/tomcat is taking over the pods")
	assert.NoError(t, mutate.GuardDelete(edit(ownedByWeb(), sealed...)), "an owned one that was never scaled has no pods")
}

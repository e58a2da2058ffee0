package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever the order of things, a script comes to the same objects: only then can
// they be compared with those of a real control plane.
func TestScripts(t *testing.T) {
	for _, script := range Scripts {
		t.Run(script.Name, func(t *testing.T) {
			first, err := script.Play(0)
			require.NoError(t, err)
			for seed := range uint64(100) {
				facts, err := script.Play(seed)
				require.NoError(t, err)
				assert.Equal(t, first, facts, "seed %d", seed)
			}
			for i, facts := range first {
				t.Logf("%s %s:\n%s", script.Steps[i].Do, script.Steps[i].Name, Lines(facts))
			}
		})
	}
}

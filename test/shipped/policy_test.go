package shipped

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
)

func TestPolicy(t *testing.T) {
	policy, err := ReadPolicy()
	require.NoError(t, err)
	assert.True(t, policy.Refuses(map[string]string{"app": "tomcat", api.AdoptingLabel: hash}))
	assert.False(t, policy.Refuses(map[string]string{"app": "tomcat", api.SealedLabel: hash}))
	assert.False(t, policy.Refuses(nil))
}

package api_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/pkg/api"
)

// TestHashesStay: an upgrade of rcroll replaces no pods. The hash of a template tells its
// pods from others, so it is the same in every version.
func TestHashesStay(t *testing.T) {
	content, err := os.ReadFile("testdata/hashes.yaml")
	require.NoError(t, err)
	var cases []struct {
		Name, SameAs, Hash string
		Spec               json.RawMessage
	}
	require.NoError(t, yaml.UnmarshalStrict(content, &cases))
	require.Greater(t, len(cases), 11)
	seen := map[string]string{}
	for _, c := range cases {
		spec, err := api.ParseSpec(string(c.Spec))
		require.NoError(t, err, c.Name)
		assert.Equal(t, c.Hash, spec.Hash(api.DefaultHashLabelKey), c.Name)
		assert.Equal(t, c.SameAs, seen[c.Hash], "another template with the hash of %s", c.Name)
		if c.SameAs == "" {
			seen[c.Hash] = c.Name
		}
	}
}

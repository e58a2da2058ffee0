// Package document holds the generated parts of documents to what they are generated from.
package document

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Section compares what stands in a file between two texts, or writes it if update is set.
func Section(t *testing.T, file, begins, ends, section string, update bool) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(content), begins)
	require.True(t, found, "the section does not begin in %s", file)
	_, tail, found := strings.Cut(rest, ends)
	require.True(t, found, "the section does not end in %s", file)
	generated := head + begins + section + ends + tail
	if update {
		require.NoError(t, os.WriteFile(file, []byte(generated), 0o644))
		return
	}
	assert.Equal(t, generated, string(content), "with -update it is written anew")
}

// Package messages keeps what a package says to users in its testdata/messages.golden,
// where it can be read at a glance, and where a change of words shows in a review.
package messages

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite testdata/messages.golden")

// Message is what is said in a case.
type Message struct{ When, Text string }

// Error is the message of an error.
func Error(when string, err error) Message { return Message{When: when, Text: err.Error()} }

// Check compares the messages with the golden file of the package under test, or writes
// it if the test is run with -update.
func Check(t *testing.T, messages ...Message) {
	t.Helper()
	var text strings.Builder
	for _, message := range messages {
		text.WriteString("# " + message.When + "\n" + message.Text + "\n\n")
	}
	path := filepath.Join("testdata", "messages.golden")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write it")
	assert.Equal(t, string(want), text.String(), "if the new words are meant, run the test with -update")
}

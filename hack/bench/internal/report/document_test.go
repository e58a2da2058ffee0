package report

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/hack/bench/internal/audit"
)

func cell(name string) Rollouts {
	key := audit.Key{Who: "rcroll agent", Verb: "patch", Resource: "replicationcontrollers"}
	return Rollouts{
		Name: name, MaxSurge: "25%", MaxUnavailable: "0",
		Pairs:      []Pair{{RC: Run{Seconds: 6, Writes: 90}, Deployment: Run{Seconds: 5, Writes: 100}}},
		RequestsRC: []Requests{{Key: key, Count: 12}},
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(content)
}

// TestDocument measures one cell, and another one later.
func TestDocument(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, textFile), []byte("before\n"+beginMark+"of yesterday\n"+endMark+"after\n"), 0o600))
	for _, name := range []string{"5-pods", "50-pods"} {
		document, err := Open(dir)
		require.NoError(t, err)
		document.Results.Put(cell(name))
		document.Results.Put(cell(name))
		require.NoError(t, document.Save())
	}
	text := read(t, dir, textFile)
	assert.True(t, strings.HasPrefix(text, "before\n"))
	assert.True(t, strings.HasSuffix(text, "after\n"))
	assert.NotContains(t, text, "of yesterday")
	for _, want := range []string{
		"| 5-pods | surge 25%, unavailable 0 | 1 | 0.00 | 6.00 | 5.00 | 1.20 |", "| 50-pods | rcroll | 90 |",
		"| rcroll agent | patch replicationcontrollers | 12 |",
	} {
		assert.Contains(t, text, want)
	}
	svg := read(t, dir, plotFile)
	assert.NoError(t, xml.Unmarshal([]byte(svg), new(struct{})), "well-formed")
	assert.Equal(t, 2, strings.Count(svg, "6.00 s</title>"), "a dot for each cell")
}

func TestDocumentNeedsItsMarks(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, textFile), []byte("mine\n"), 0o600))
	document, err := Open(dir)
	require.NoError(t, err)
	assert.ErrorContains(t, document.Save(), "are missing")
	assert.Equal(t, "mine\n", read(t, dir, textFile))
}

// The tables and the plot in docs are those of the results there.
func TestPublishedDocument(t *testing.T) {
	docs := filepath.Join("..", "..", "..", "..", "docs")
	results, err := Load(filepath.Join(docs, dataFile))
	require.NoError(t, err)
	text := read(t, docs, textFile)
	want, err := withTables([]byte(text), *results)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
	assert.Equal(t, string(plot(results.Rollouts)), read(t, docs, plotFile))
}

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDashboardIsGenerated: the file is what the panels make. What they ask for is checked
// in test/prometheus/expressions.
func TestDashboardIsGenerated(t *testing.T) {
	t.Chdir("../..")
	require.NoError(t, run(true))
}

// TestLayout: panels fill the width, and each has a title and says something.
func TestLayout(t *testing.T) {
	for _, r := range rows {
		require.NotEmpty(t, r.panels, r.title)
		assert.Zero(t, columns%len(r.panels), r.title)
		for _, p := range r.panels {
			assert.NotEmpty(t, p.title)
			assert.NotEmpty(t, p.queries, p.title)
		}
	}
}

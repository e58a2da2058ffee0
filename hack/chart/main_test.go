package main

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTemplatesAreGenerated: the templates are what the manifests and rules make.
func TestTemplatesAreGenerated(t *testing.T) {
	t.Chdir("../..")
	require.NoError(t, run(true))
}

func TestGenerate(t *testing.T) {
	manifest := func(name, text string) (string, error) {
		files, err := generate(fstest.MapFS{
			"kustomization.yaml": {Data: []byte("resources:\n- " + name + "\n")},
			name:                 {Data: []byte(text)},
		})
		return string(files[name]), err
	}
	text, err := manifest("a.yaml", "metadata:\n  namespace: rcroll-system\n  labels:\n    app.kubernetes.io/name: rcroll\nspec:\n  matchLabels:\n    app.kubernetes.io/name: rcroll\n")
	require.NoError(t, err)
	assert.Contains(t, text, "manifests/base/a.yaml")
	assert.Contains(t, text, "*/ -}}\nmetadata:\n  namespace: {{ .Release.Namespace | quote }}\n"+
		"  labels:\n    app.kubernetes.io/name: rcroll\n    app.kubernetes.io/part-of: rcroll\n"+
		"spec:\n  matchLabels:\n    app.kubernetes.io/name: rcroll\n")

	_, err = manifest("a.yaml", "text: '{{'\n")
	assert.ErrorContains(t, err, "braces")
	_, err = manifest("policies/selectors.yaml", "expression: other\n")
	assert.ErrorContains(t, err, "is there 0 times, and not 1")
}

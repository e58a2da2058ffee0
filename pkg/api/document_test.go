package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
)

// Every key of this package is in the documentation.
func TestAnnotationsDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/annotations.md")
	require.NoError(t, err)
	found := keys(t)
	assert.Contains(t, found, api.RequestAnnotation)
	assert.Contains(t, found, api.SuccessorLabel)
	assert.Subset(t, found, api.Settings)
	for _, key := range found {
		assert.Contains(t, string(document), "`"+key+"`", "docs/annotations.md does not mention it")
	}
}

// keys are the exported constants that begin with the prefix, in the sources of this
// package.
func keys(t *testing.T) []string {
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	var found []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || !spec.Names[0].IsExported() || len(spec.Values) == 0 {
				return true
			}
			sum, ok := spec.Values[0].(*ast.BinaryExpr)
			if !ok {
				return true
			}
			if prefix, ok := sum.X.(*ast.Ident); ok && prefix.Name == "Prefix" {
				suffix, err := strconv.Unquote(sum.Y.(*ast.BasicLit).Value)
				require.NoError(t, err)
				found = append(found, api.Prefix+suffix)
			}
			return true
		})
	}
	return found
}

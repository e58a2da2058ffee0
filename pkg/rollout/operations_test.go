package rollout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOperationsDocument: every reason that users can read is explained.
func TestOperationsDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	file, err := parser.ParseFile(token.NewFileSet(), "reasons.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	reasons := 0
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			reasons++
			assert.Contains(t, string(document), "`"+strings.Trim(literal.Value, `"`)+"`")
		}
		return true
	})
	assert.Greater(t, reasons, 15)
}

package expressions

import (
	"fmt"

	"github.com/prometheus/prometheus/promql/parser"
)

// Signal returns what an expression looks at: that has a value also while an alert does not
// fire. For a comparison it is the side that is compared, for absence what is to be there.
func Signal(text string) (string, error) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return "", fmt.Errorf("parse %s: %w", text, err)
	}
	return signal(parsed).String(), nil
}

func signal(expression parser.Expr) parser.Expr {
	switch node := expression.(type) {
	case *parser.BinaryExpr:
		if node.Op.IsComparisonOperator() {
			return signal(node.LHS)
		}
	case *parser.Call:
		if node.Func.Name == "absent" {
			return signal(node.Args[0])
		}
	}
	return expression
}

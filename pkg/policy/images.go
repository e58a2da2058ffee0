package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
)

// maxRuleCost bounds an expression: templates are as large as users make them.
const maxRuleCost = 1_000_000

// imageRule is an expression over the requested template; without a program it is one that
// does not compile, and nothing fulfils it.
type imageRule struct{ program cel.Program }

func compileRule(text string, path *field.Path, problems *field.ErrorList) *imageRule {
	program, err := ruleProgram(text)
	if err != nil {
		*problems = append(*problems, field.Invalid(path, text, err.Error()+": nothing may be rolled out"))
	}
	return &imageRule{program: program}
}

func ruleProgram(text string) (cel.Program, error) {
	env, err := cel.NewEnv(cel.Variable("template", cel.DynType), cel.Variable("images", cel.ListType(cel.StringType)))
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	if out := ast.OutputType(); !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("must be true or false, and is %s", out)
	}
	return env.Program(ast, cel.CostLimit(maxRuleCost))
}

// holds returns an error unless the expression is true.
func (r *imageRule) holds(spec api.Spec, images []string) error {
	if r.program == nil {
		return errRuleInvalid
	}
	result, _, err := r.program.Eval(map[string]any{"template": spec["template"], "images": images})
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errRuleFailed, err)
	case result.Value() != true:
		return errRuleFalse
	}
	return nil
}

// CheckImages returns an error in the name of the first policy that does not allow to roll
// the template of a spec out.
func (e Effective) CheckImages(spec api.Spec) error {
	images := spec.PulledImages()
	for _, p := range e {
		if p.spec.Images == nil {
			continue
		}
		if image := forbidden(p.spec.Images, images); image != "" {
			return errImage(p.Name, image, p.spec.Images)
		}
		if p.rule == nil {
			continue
		}
		if err := p.rule.holds(spec, images); err != nil {
			return errImageRule(p.Name, p.spec.Images, err)
		}
	}
	return nil
}

func forbidden(allowed *v1alpha1.AllowedImages, images []string) string {
	if len(allowed.Prefixes) == 0 {
		return ""
	}
	for _, image := range images {
		if !slices.ContainsFunc(allowed.Prefixes, func(prefix string) bool { return strings.HasPrefix(image, prefix) }) {
			return image
		}
	}
	return ""
}

package shipped

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/admission"
	celplugin "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
)

// Handover is the validating policy of manifests/base/policies/handover.yaml.
type Handover struct {
	pods                    labels.Selector
	conditions, validations matchconditions.Matcher
}

// ReadHandover reads it. It refuses what an API server would refuse to store.
func ReadHandover() (*Handover, error) {
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	if err := read("policies/handover.yaml", policy); err != nil {
		return nil, err
	}
	pods, err := metav1.LabelSelectorAsSelector(policy.Spec.MatchConstraints.ObjectSelector)
	if err != nil {
		return nil, fmt.Errorf("policies/handover.yaml: objectSelector: %w", err)
	}
	h := &Handover{pods: pods}
	if err := h.compile(policy); err != nil {
		return nil, fmt.Errorf("policies/handover.yaml: %w", err)
	}
	return h, nil
}

func (h *Handover) compile(policy *admissionregistrationv1.ValidatingAdmissionPolicy) error {
	compiler, err := celplugin.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return err
	}
	var errs []error
	for _, v := range policy.Spec.Variables {
		result := compiler.CompileAndStoreVariable(&variable{v}, celplugin.OptionalVariableDeclarations{}, environment.NewExpressions)
		if result.Error != nil {
			errs = append(errs, result.Error)
		}
	}
	matcher := func(expressions []celplugin.ExpressionAccessor) matchconditions.Matcher {
		evaluator := compiler.CompileCondition(expressions, celplugin.OptionalVariableDeclarations{}, environment.NewExpressions)
		errs = append(errs, evaluator.CompilationErrors()...)
		return matchconditions.NewMatcher(evaluator, policy.Spec.FailurePolicy, "policy", "validate", policy.Name)
	}
	var conditions, validations []celplugin.ExpressionAccessor
	for i := range policy.Spec.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[i]))
	}
	for _, validation := range policy.Spec.Validations {
		validations = append(validations, &matchconditions.MatchCondition{Name: "validation", Expression: validation.Expression})
	}
	h.conditions, h.validations = matcher(conditions), matcher(validations)
	return errors.Join(errs...)
}

// variable is one of a policy, for the compiler.
type variable struct {
	admissionregistrationv1.Variable
}

func (v *variable) GetExpression() string    { return v.Expression }
func (v *variable) GetName() string          { return v.Name }
func (v *variable) ReturnTypes() []*cel.Type { return []*cel.Type{cel.AnyType, cel.DynType} }

// Refuses reports whether a pod may not be changed so. It returns an error if an
// expression cannot be evaluated; the API server refuses the change then.
func (h *Handover) Refuses(ctx context.Context, before, after *corev1.Pod) (bool, error) {
	if !h.pods.Matches(labels.Set(before.Labels)) && !h.pods.Matches(labels.Set(after.Labels)) {
		return false, nil
	}
	resource, kind := corev1.SchemeGroupVersion.WithResource("pods"), corev1.SchemeGroupVersion.WithKind("Pod")
	change := &admission.VersionedAttributes{
		Attributes: admission.NewAttributesRecord(after, before, kind, after.Namespace, after.Name, resource, "",
			admission.Update, nil, false, &user.DefaultInfo{}),
		VersionedKind:   kind,
		VersionedObject: admission.NewLazyObject(after), VersionedOldObject: admission.NewLazyObject(before),
	}
	concerned := h.conditions.Match(ctx, change, nil, nil)
	if concerned.Error != nil || !concerned.Matches {
		return false, concerned.Error
	}
	allowed := h.validations.Match(ctx, change, nil, nil)
	return !allowed.Matches, allowed.Error
}

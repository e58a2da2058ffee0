package shipped

import (
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Policy is manifests/base/policies/adopting.yaml.
type Policy struct {
	pods labels.Selector
}

// ReadPolicy reads it. All that it says is in its objectSelector: a policy that says
// more is an error, until that is evaluated here.
func ReadPolicy() (*Policy, error) {
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	if err := read("policies/adopting.yaml", policy); err != nil {
		return nil, err
	}
	spec := policy.Spec
	always := len(spec.Validations) == 1 && spec.Validations[0].Expression == "false" && len(spec.MatchConditions) == 0
	ofPods := spec.MatchConstraints != nil && len(spec.MatchConstraints.ResourceRules) == 1 &&
		slices.Equal(spec.MatchConstraints.ResourceRules[0].Resources, []string{"pods"}) &&
		slices.Equal(spec.MatchConstraints.ResourceRules[0].Operations, []admissionregistrationv1.OperationType{admissionregistrationv1.Create})
	if !always || !ofPods {
		return nil, fmt.Errorf("policies/adopting.yaml: it no longer refuses the creation of pods by their labels alone")
	}
	pods, err := metav1.LabelSelectorAsSelector(spec.MatchConstraints.ObjectSelector)
	if err != nil {
		return nil, fmt.Errorf("policies/adopting.yaml: objectSelector: %w", err)
	}
	return &Policy{pods: pods}, nil
}

// Refuses reports whether no pod with such labels may be created.
func (p *Policy) Refuses(podLabels map[string]string) bool {
	return p.pods.Matches(labels.Set(podLabels))
}

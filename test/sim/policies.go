package sim

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/policy"
)

// policies are the RolloutPolicies, as webhook and agent know them: at once, for what they
// do not know yet is as if it were made later.
type policies struct{ set policy.Set }

// For selects as the cluster does. There is one namespace.
func (p *policies) For(_ context.Context, rc metav1.Object) (policy.Effective, error) {
	return p.set.For(policy.Target{Labels: rc.GetLabels()}), nil
}

// put replaces all policies by one with that spec; by none, if it is nil.
func (p *policies) put(spec *v1alpha1.RolloutPolicySpec) {
	p.set = nil
	if spec != nil {
		p.set = policy.Compile([]v1alpha1.RolloutPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "policy"}, Spec: *spec}})
	}
}

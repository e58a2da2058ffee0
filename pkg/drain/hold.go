package drain

import (
	"context"
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
)

// policyName is that of the policy that keeps rollouts from being started.
const policyName = "rcroll-drain"

// holdRequests has the API server refuse every write by which a rollout would start. What
// changes or cancels one that there is passes.
func holdRequests(ctx context.Context, c client.Client) error {
	for _, object := range holding() {
		if err := c.Create(ctx, object); client.IgnoreAlreadyExists(err) != nil {
			return fmt.Errorf("keep rollouts from being started: %w", err)
		}
	}
	return nil
}

// releaseRequests takes that back.
func releaseRequests(ctx context.Context, c client.Client) error {
	var problems []error
	for _, object := range holding() {
		problems = append(problems, client.IgnoreNotFound(c.Delete(ctx, object)))
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("let rollouts be started again: delete the ValidatingAdmissionPolicy %s and its binding: %w", policyName, err)
	}
	return nil
}

func holding() []client.Object {
	meta := metav1.ObjectMeta{Name: policyName, Labels: map[string]string{"app.kubernetes.io/name": "rcroll"}}
	return []client.Object{
		&admissionv1.ValidatingAdmissionPolicy{
			ObjectMeta: meta,
			Spec: admissionv1.ValidatingAdmissionPolicySpec{
				FailurePolicy: ptr.To(admissionv1.Fail),
				MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
					RuleWithOperations: admissionv1.RuleWithOperations{
						Operations: []admissionv1.OperationType{admissionv1.Update},
						Rule: admissionv1.Rule{
							APIGroups: []string{corev1.GroupName}, APIVersions: []string{"v1"}, Resources: []string{"replicationcontrollers"},
						},
					},
				}}},
				Validations: []admissionv1.Validation{{
					Expression: "!" + isRequested("object") + " || " + isRequested("oldObject"),
					Message:    "rcroll is being uninstalled, and starts no rolling update any more: try again when that is done, and the new pod template applies to pods created from then on",
					Reason:     ptr.To(metav1.StatusReasonForbidden),
				}},
			},
		},
		&admissionv1.ValidatingAdmissionPolicyBinding{
			ObjectMeta: meta,
			Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: policyName, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			},
		},
	}
}

// isRequested is a CEL expression.
func isRequested(object string) string {
	return fmt.Sprintf("%s.metadata.?annotations[?'%s'].hasValue()", object, api.RequestAnnotation)
}

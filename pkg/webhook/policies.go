package webhook

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// The verbs on a RolloutPolicy that users need a right to.
const (
	overrideVerb = "override"
	approveVerb  = "approve"
)

// addPolicies finds out which policies are about a user's write, and which of them the user
// may override or approve steps of. Without that knowledge nothing is admitted. That a review
// is proven comes before anything is said about its user's rights.
func (h *controllerHandler) addPolicies(ctx context.Context, req admission.Request, write *mutate.Write, proven func() error) error {
	if h.policies == nil || write.User == h.options.AgentUser || write.User == h.options.WebhookUser {
		return nil
	}
	var err error
	if write.Policies, err = h.policies.For(ctx, write.New); err != nil {
		return err
	}
	may := func(verb, name string) (bool, error) {
		if err := proven(); err != nil {
			return false, err
		}
		allowed, err := h.isAllowed(ctx, req.UserInfo, verb, name)
		if err == nil && !write.DryRun {
			countRight(verb, allowed)
		}
		return allowed, err
	}
	for _, name := range mutate.Overrides(*write) {
		allowed, err := may(overrideVerb, name)
		if err != nil {
			return err
		}
		if allowed {
			write.MayOverride = append(write.MayOverride, name)
		}
	}
	if name := mutate.Approves(*write); name != "" {
		if write.MayApprove, err = may(approveVerb, name); err != nil {
			return err
		}
	}
	return nil
}

// isAllowed asks the API server for the right of a user to a verb on a policy.
func (h *controllerHandler) isAllowed(ctx context.Context, user authenticationv1.UserInfo, verb, policy string) (bool, error) {
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for key, values := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, Groups: user.Groups, UID: user.UID, Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: v1alpha1.RolloutPolicies.Resource,
			Verb: verb, Name: policy,
		},
	}}
	if err := h.client.Create(ctx, review, fieldOwner); err != nil {
		return false, fmt.Errorf("ask whether %s may %s RolloutPolicy %s: %w", user.Username, verb, policy, err)
	}
	return review.Status.Allowed, nil
}

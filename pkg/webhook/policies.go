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

// addPolicies finds out which policies are about a user's write, and which of them the user
// may override. Without that knowledge nothing is admitted. That a review is proven comes
// before anything is said about its user's rights.
func (h *controllerHandler) addPolicies(ctx context.Context, req admission.Request, write *mutate.Write) error {
	if h.policies == nil || write.User == h.options.AgentUser || write.User == h.options.WebhookUser {
		return nil
	}
	var err error
	if write.Policies, err = h.policies.For(ctx, write.New); err != nil {
		return err
	}
	for _, name := range mutate.Overrides(*write) {
		if len(write.MayOverride) == 0 {
			if _, err := prove(ctx, h.client, write.Old); err != nil {
				return err
			}
		}
		allowed, err := h.mayOverride(ctx, req.UserInfo, name)
		if err != nil {
			return err
		}
		if allowed {
			write.MayOverride = append(write.MayOverride, name)
		}
	}
	return nil
}

// mayOverride asks the API server for the right of a user to override a policy.
func (h *controllerHandler) mayOverride(ctx context.Context, user authenticationv1.UserInfo, policy string) (bool, error) {
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for key, values := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, Groups: user.Groups, UID: user.UID, Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Resource: v1alpha1.RolloutPolicies.Resource,
			Verb: "override", Name: policy,
		},
	}}
	if err := h.client.Create(ctx, review, fieldOwner); err != nil {
		return false, fmt.Errorf("ask whether %s may override RolloutPolicy %s: %w", user.Username, policy, err)
	}
	return review.Status.Allowed, nil
}

package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
)

// What users are told in the name of a policy. testdata/messages.golden shows it all.

func frozenMessage(policy, reason string) string {
	return fmt.Sprintf("RolloutPolicy %s holds it: %s", policy, reason)
}

func windowMessage(policy, reason string, until time.Time) string {
	message := fmt.Sprintf("RolloutPolicy %s allows no rolling update now", policy)
	if reason != "" {
		message += ": " + reason
	}
	if until.IsZero() {
		return message
	}
	return message + ", until " + until.UTC().Format(time.RFC3339)
}

func queuedMessage(policy string, most int) string {
	return fmt.Sprintf("RolloutPolicy %s allows %d at once: it begins in its turn", policy, most)
}

func errLimit(policy, key, value, bound, limit string) *field.Error {
	return field.Forbidden(field.NewPath("metadata", "annotations").Key(key),
		fmt.Sprintf("%s is beyond what RolloutPolicy %s allows: %s %s", value, policy, bound, limit))
}

var (
	errRuleInvalid = errors.New("its rule does not compile, and so allows none")
	errRuleFailed  = errors.New("its rule cannot be evaluated")
	errRuleFalse   = errors.New("its rule is not fulfilled")
)

func errImage(policy, image string, allowed *v1alpha1.AllowedImages) error {
	err := fmt.Errorf("RolloutPolicy %s does not allow the image %s: it must begin with %s",
		policy, image, strings.Join(allowed.Prefixes, " or "))
	return withHint(err, allowed)
}

func errImageRule(policy string, allowed *v1alpha1.AllowedImages, why error) error {
	return withHint(fmt.Errorf("RolloutPolicy %s does not allow the requested template: %w", policy, why), allowed)
}

func withHint(err error, allowed *v1alpha1.AllowedImages) error {
	if allowed.Message == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, allowed.Message)
}

// ErrNoPolicy is for an override of a policy that does not select the ReplicationController.
func ErrNoPolicy(policy string, selecting []string) error {
	detail := "none does"
	if len(selecting) > 0 {
		detail = "these do: " + strings.Join(selecting, ", ")
	}
	return field.Invalid(overridePath, policy, "no RolloutPolicy of this name selects the ReplicationController; "+detail)
}

// ErrOverride is for a user who may not override a policy.
func ErrOverride(policy string) error {
	return field.Forbidden(overridePath,
		fmt.Sprintf("to override RolloutPolicy %s takes the right to the verb override on rolloutpolicies.rcroll.dev/%s", policy, policy))
}

// ErrApprove is for a user who may not approve the steps of a policy.
func ErrApprove(policy string) error {
	return field.Forbidden(field.NewPath("metadata", "annotations").Key(api.ApproveAnnotation),
		fmt.Sprintf("the steps are those of RolloutPolicy %s: to approve one takes the right to the verb approve on rolloutpolicies.rcroll.dev/%s", policy, policy))
}

var overridePath = field.NewPath("metadata", "annotations").Key(api.OverrideAnnotation)

package verdict

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rcroll/rcroll/pkg/api"
)

// serviceAccountPrefix begins the user names of ServiceAccounts.
const serviceAccountPrefix = "system:serviceaccount:"

// mastersGroup may not be impersonated under constrained impersonation.
const mastersGroup = "system:masters"

// Group is added to those of the users in whose name questions are put. It grants
// nothing. By it the API server tells the questions from the writes that wait for their
// answers, and does not let them queue behind these (manifests/base/flow-control.yaml).
const Group = "rcroll.dev:verdict"

// As says in whose name a question was put.
type As string

const (
	// AsUser: as the user whose write it is about.
	AsUser As = "user"

	// AsWebhook: as the webhook's own account.
	AsWebhook As = "webhook"
)

// ErrCannotAskAsUser: the API server does not let the webhook ask in the user's name,
// and Options.UserOnly is set.
var ErrCannotAskAsUser = errors.New("the API server does not allow rcroll to put the question in your name, which --verdict-as=user requires")

// Options are how to ask.
type Options struct {
	// UserOnly refuses what cannot be asked in the user's name.
	UserOnly bool

	// Asked, if not nil, is called for every question with the name it was put in, and with
	// the error that was the answer.
	Asked func(As, error)
}

// Judge puts questions to the API server.
type Judge struct {
	client  client.Client
	options Options
}

// New returns a Judge that calls with the given credentials.
func New(config *rest.Config, options Options, clientOptions client.Options) (*Judge, error) {
	config = rest.CopyConfig(config)
	config.Wrap(impersonate)
	config.WarningHandler, config.WarningHandlerWithContext = nil, collector{}
	// One of its own: the manager's HTTP client impersonates nobody.
	clientOptions.HTTPClient = nil
	c, err := client.New(config, clientOptions)
	if err != nil {
		return nil, fmt.Errorf("set up the client for verdicts: %w", err)
	}
	return &Judge{client: c, options: options}, nil
}

// Update asks what would be stored if the user wrote wanted over the
// ReplicationController of that name: its spec, labels and annotations. It returns the
// object, and the warnings; an error of the API server is its refusal.
func (j *Judge) Update(ctx context.Context, user authenticationv1.UserInfo, wanted *unstructured.Unstructured) (*unstructured.Unstructured, []string, error) {
	patch, err := patchTo(wanted)
	if err != nil {
		return nil, nil, err
	}
	var stored *unstructured.Unstructured
	warnings, err := j.ask(ctx, user, func(ctx context.Context) error {
		stored = emptyRC(wanted)
		err := j.client.Patch(ctx, stored, patch, client.DryRunAll, client.FieldOwner(api.VerdictFieldManager))
		if lacksVerb(err, "patch") {
			// Who may update only wrote by PUT.
			stored = wanted.DeepCopy()
			err = j.client.Update(ctx, stored, client.DryRunAll, client.FieldOwner(api.VerdictFieldManager))
		}
		return err
	})
	return stored, warnings, err
}

// Scale asks whether the user may set the replicas through the scale subresource.
func (j *Judge) Scale(ctx context.Context, user authenticationv1.UserInfo, rc *unstructured.Unstructured, replicas int32) ([]string, error) {
	return j.ask(ctx, user, func(ctx context.Context) error {
		patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
		err := j.client.SubResource("scale").Patch(ctx, emptyRC(rc), client.RawPatch(types.MergePatchType, patch),
			client.DryRunAll, client.FieldOwner(api.VerdictFieldManager))
		if lacksVerb(err, "patch") {
			scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: replicas}}
			scale.Name, scale.Namespace = rc.GetName(), rc.GetNamespace()
			err = j.client.SubResource("scale").Update(ctx, emptyRC(rc), client.WithSubResourceBody(scale),
				client.DryRunAll, client.FieldOwner(api.VerdictFieldManager))
		}
		return err
	})
}

// Probe finds out in whose name questions can be put, by one about a
// ReplicationController in the namespace that need not exist.
func (j *Judge) Probe(ctx context.Context, namespace string) (As, error) {
	rc := &unstructured.Unstructured{}
	rc.SetNamespace(namespace)
	rc.SetName(api.ProbeName)
	err := j.client.Patch(with(ctx, &rest.ImpersonationConfig{UserName: "rcroll:probe"}, &warnings{}), emptyRC(rc),
		client.RawPatch(types.MergePatchType, []byte("{}")), client.DryRunAll, client.FieldOwner(api.VerdictFieldManager))
	switch {
	case impersonationRefused(err):
		return AsWebhook, nil
	case err == nil, apierrors.IsForbidden(err), apierrors.IsNotFound(err):
		return AsUser, nil // The answer was one to that user.
	}
	return "", fmt.Errorf("probe for impersonation: %w", err)
}

// ask puts a question as the user; where that is not allowed without what the API
// server knows of the user besides name and groups; and at last in its own name.
func (j *Judge) ask(ctx context.Context, user authenticationv1.UserInfo, question func(context.Context) error) ([]string, error) {
	for _, identity := range identities(user) {
		warnings := &warnings{}
		err := question(with(ctx, identity, warnings))
		if !impersonationRefused(err) {
			j.asked(AsUser, err)
			return warnings.texts, err
		}
	}
	if j.options.UserOnly {
		return nil, ErrCannotAskAsUser
	}
	warnings := &warnings{}
	err := question(with(ctx, nil, warnings))
	j.asked(AsWebhook, err)
	return warnings.texts, err
}

func (j *Judge) asked(as As, err error) {
	if j.options.Asked != nil {
		j.options.Asked(as, err)
	}
}

// identities are those in which to ask, the most exact one first. Of ServiceAccounts
// constrained impersonation takes the name only; the API server knows the groups.
func identities(user authenticationv1.UserInfo) []*rest.ImpersonationConfig {
	if slices.Contains(user.Groups, mastersGroup) {
		return nil
	}
	if strings.HasPrefix(user.Username, serviceAccountPrefix) {
		return []*rest.ImpersonationConfig{{UserName: user.Username}}
	}
	groups := slices.Concat(user.Groups, []string{Group})
	byName := &rest.ImpersonationConfig{UserName: user.Username, Groups: groups}
	if len(user.Extra) == 0 && user.UID == "" {
		return []*rest.ImpersonationConfig{byName}
	}
	whole := &rest.ImpersonationConfig{UserName: user.Username, Groups: groups, UID: user.UID, Extra: map[string][]string{}}
	for key, values := range user.Extra {
		whole.Extra[key] = values
	}
	return []*rest.ImpersonationConfig{whole, byName}
}

// impersonationRefused reports whether an error is about who asks, and not about what.
func impersonationRefused(err error) bool {
	var status apierrors.APIStatus
	if !apierrors.IsForbidden(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	switch status.Status().Details.Kind {
	case "users", "groups", "serviceaccounts", "nodes", "uids", "userextras":
		return true
	}
	// Of the right to patch in somebody's name the object is told.
	return strings.Contains(err.Error(), `cannot impersonate`)
}

// lacksVerb reports whether the authorizer refused the verb to the user, whose own write
// it allowed: then that was made with another verb. Its words are the only trace.
func lacksVerb(err error, verb string) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), fmt.Sprintf("cannot %s resource", verb))
}

// patchTo replaces whole fields: the object may have changed since it was observed, and
// a difference would be of that state.
func patchTo(wanted *unstructured.Unstructured) (client.Patch, error) {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	body, err := json.Marshal([]operation{
		{"replace", "/spec", wanted.Object["spec"]},
		{"add", "/metadata/labels", nonNil(wanted.GetLabels())},
		{"add", "/metadata/annotations", nonNil(wanted.GetAnnotations())},
	})
	if err != nil {
		return nil, fmt.Errorf("encode the question: %w", err)
	}
	return client.RawPatch(types.JSONPatchType, body), nil
}

func nonNil(labels map[string]string) map[string]string {
	if labels == nil {
		return map[string]string{}
	}
	return labels
}

func emptyRC(of *unstructured.Unstructured) *unstructured.Unstructured {
	rc := api.EmptyRC()
	rc.SetNamespace(of.GetNamespace())
	rc.SetName(of.GetName())
	return rc
}

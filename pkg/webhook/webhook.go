// Package webhook is the shell around pkg/mutate: it serves admission reviews,
// asks for a decision, has the API server validate what is new, and answers with
// a patch.
package webhook

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/pkg/policy"
)

// Paths that the MutatingWebhookConfiguration names.
const (
	ControllerPath = "/mutate-rc"
	ScalePath      = "/mutate-scale"
)

// deadline bounds the calls made for one review. It is below the timeout of the
// MutatingWebhookConfiguration (10 s), so that the user reads why.
const deadline = 8 * time.Second

// fieldOwner is the field manager of the webhook's own writes.
const fieldOwner = client.FieldOwner("rcroll-webhook")

// Register mounts the handlers on a server, and is called once in a process. The
// client must read from the API server, not from a cache: a decision holds for the
// object as it is stored.
func Register(server webhook.Server, c client.Client, judge Judge, policies Policies, options mutate.Options) {
	metrics.Registry.MustRegister(Collectors()...)
	bounds, turns := newBounds(), newTurns()
	for path, handler := range map[string]admission.Handler{
		ControllerPath: &controllerHandler{client: c, judge: judge, turns: turns, policies: policies, clock: clock.RealClock{}, options: options},
		ScalePath:      &scaleHandler{client: c, judge: judge, turns: turns, options: options},
	} {
		server.Register(path, bounds.limit(&admission.Webhook{Handler: handler}))
	}
}

// Judge asks the API server, as the user, what it would store. Package verdict has the
// real one.
type Judge interface {
	// Update asks for a ReplicationController with that spec, those labels and
	// annotations. It returns what would be stored, and the warnings.
	Update(ctx context.Context, user authenticationv1.UserInfo, wanted *unstructured.Unstructured) (*unstructured.Unstructured, []string, error)

	// Scale asks for other replicas through the scale subresource.
	Scale(ctx context.Context, user authenticationv1.UserInfo, rc *unstructured.Unstructured, replicas int32) ([]string, error)
}

// controllerHandler answers reviews of ReplicationControllers.
type controllerHandler struct {
	client   client.Client
	judge    Judge
	turns    *turns
	policies Policies // nil if there are none
	clock    clock.PassiveClock
	options  mutate.Options
}

// Policies are those that select a ReplicationController. Package policies has the real ones.
type Policies interface {
	For(ctx context.Context, rc metav1.Object) (policy.Effective, error)
}

func (h *controllerHandler) Handle(ctx context.Context, req admission.Request) admission.Response {
	ctx, cancel := forReview(ctx)
	defer cancel()
	timer := timeReview(controllerResource)
	defer timer.done()
	if req.Operation == admissionv1.Delete {
		timer.meaning = deletionMeaning
		return deletion(req, h.clock.Now())
	}
	write, err := decode(req)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	write.Time = h.clock.Now()
	decision, warnings, err := h.decide(ctx, req, write)
	switch {
	case errors.Is(err, errUnproven) && !write.DryRun:
		decision, warnings = mutate.Outdated(write), nil
	case err != nil:
		timer.meaning = meaningOf(err)
		return rejected(templateNotAccepted(req), err)
	}
	timer.decided(decision)
	if decision.Refusal != nil {
		return refused(decision)
	}
	mutated, err := decision.Object.MarshalJSON()
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, errEncode(req, err))
	}
	return admission.PatchResponseFromRaw(req.Object.Raw, mutated).WithWarnings(append(decision.Warnings, warnings...)...)
}

// deletion makes clients wait until an RC may be deleted: most try again by
// themselves when they are told how long that takes.
func deletion(req admission.Request, now time.Time) admission.Response {
	object, err := decodeObject(req, req.OldObject)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	warning, err := mutate.GuardDelete(object, now)
	switch {
	case err != nil:
		response := admission.Denied(err.Error())
		response.Result.Code = http.StatusTooManyRequests
		response.Result.Reason = metav1.StatusReasonTooManyRequests
		response.Result.Details = &metav1.StatusDetails{RetryAfterSeconds: 1}
		return response
	case warning != "":
		return admission.Allowed("").WithWarnings(warning)
	}
	return admission.Allowed("")
}

// decide answers the question of a decision, if it has one, and the review is proven: the
// warnings are those of the API server, its error a refusal of what is wanted.
func (h *controllerHandler) decide(ctx context.Context, req admission.Request, write mutate.Write) (mutate.Decision, []string, error) {
	if mutate.CreatesOwned(write, h.options) {
		var err error
		if write.Owner, err = h.ownerOf(ctx, write.New); err != nil {
			return mutate.Decision{}, nil, err
		}
	}
	// Once is enough: what its sender knows does not change.
	proven := sync.OnceValue(func() error {
		_, err := prove(ctx, h.client, write.Old)
		return err
	})
	if err := h.addPolicies(ctx, req, &write, proven); err != nil {
		return mutate.Decision{}, nil, err
	}
	decision := mutate.Decide(write, h.options)
	if decision.Question == nil {
		return decision, nil, nil
	}
	leave, err := h.turns.take(ctx, req.UserInfo.Username)
	if err != nil {
		return decision, nil, err
	}
	defer leave()
	if err := proven(); err != nil {
		return decision, nil, err
	}
	defer timeVerdict()()
	creation := h.tryCreation(ctx, write, api.SpecOf(decision.Question))
	stored, warnings, err := h.judge.Update(ctx, req.UserInfo, decision.Question)
	created := <-creation.answer
	if err != nil {
		return decision, nil, err
	}
	write.Stored = api.SpecOf(stored)
	decision = mutate.Decide(write, h.options)
	if decision.Meaning == mutate.Requests || decision.Meaning == mutate.Retargets {
		if !creation.request.Equal(write.Stored) {
			created = <-h.tryCreation(ctx, write, write.Stored).answer
		}
		return decision, warnings, created
	}
	return decision, warnings, nil
}

// ownerOf reads the ReplicationController that controls an owned one; nil if there is none.
func (h *controllerHandler) ownerOf(ctx context.Context, owned *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	owner := api.EmptyRC()
	key := client.ObjectKey{Namespace: owned.GetNamespace(), Name: api.ControllerOf(owned).Name}
	if err := h.client.Get(ctx, key, owner); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return owner, nil
}

// trial is the creation of the new ReplicationController for a request, on trial.
type trial struct {
	request api.Spec
	answer  <-chan error
}

// tryCreation finds out whether the agent will be able to create the new
// ReplicationController: quotas on their number, and policies on their names, are of no
// concern to the user's own object. One that stands already has been created. It goes on
// while the user's own question does, whose answer is mostly what was asked for.
func (h *controllerHandler) tryCreation(ctx context.Context, write mutate.Write, request api.Spec) trial {
	answer := make(chan error, 1)
	if !mutate.NeedsNewRC(write, request, h.options) {
		answer <- nil
		return trial{request: request, answer: answer}
	}
	rc := api.NewRC(write.Old, request, h.options.HashLabelKey)
	go func() {
		answer <- client.IgnoreAlreadyExists(h.client.Create(ctx, rc, client.DryRunAll, fieldOwner))
	}()
	return trial{request: request, answer: answer}
}

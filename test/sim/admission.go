package sim

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/test/shipped"
)

// Users of the simulation; rcroll's have the names of its service accounts.
const (
	agentUser   = "system:serviceaccount:rcroll-system:rcroll-agent"
	webhookUser = "system:serviceaccount:rcroll-system:rcroll-webhook"
	someUser    = "jane"
)

var mutateOptions = mutate.Options{
	HashLabelKey:        api.DefaultHashLabelKey,
	AgentUser:           agentUser,
	WebhookUser:         webhookUser,
	DeclarativeManagers: mutate.DefaultDeclarativeManagers,
}

// admit is the webhook, for what its matchConditions select, and all that comes after it;
// object is what is to be stored.
func (w *World) admit(by requester, old *RC, object map[string]any) (map[string]any, error) {
	mutated, err := w.review(by, old, object)
	if err != nil {
		return nil, err
	}
	return w.otherAdmission(by, mutated)
}

// review is the webhook.
func (w *World) review(by requester, old *RC, object map[string]any) (map[string]any, error) {
	write := mutate.Write{New: &unstructured.Unstructured{Object: object}, User: by.user, FieldManager: by.fieldManager}
	var stored map[string]any
	if old != nil {
		stored = old.object
		write.Old = &unstructured.Unstructured{Object: stored}
	}
	if by.owner != nil {
		write.Owner = &unstructured.Unstructured{Object: by.owner.object}
	}
	if !isSent(by, stored, object) {
		return object, nil
	}
	if w.webhookDown {
		return nil, errWebhookDown
	}
	if by.user != agentUser && by.user != webhookUser {
		w.policies.ask(&write, w.now)
	}
	decision := mutate.Decide(write, mutateOptions)
	if decision.Question != nil {
		var err error
		if write.Stored, err = w.judge(by, decision.Question.Object); err != nil {
			return nil, err
		}
		decision = mutate.Decide(write, mutateOptions)
	}
	if decision.Refusal == nil {
		return decision.Object.Object, nil
	}
	name := write.New.GetName()
	if decision.Stale {
		return nil, apierrors.NewConflict(rcResource, name, decision.Refusal)
	}
	return nil, apierrors.NewForbidden(rcResource, name, decision.Refusal)
}

// admitDelete is the webhook on a user's deletion.
func (w *World) admitDelete(rc *RC) error {
	if !isSent(requester{user: someUser}, rc.object, nil) {
		return nil
	}
	if w.webhookDown {
		return errWebhookDown
	}
	// Reviews have no time here, so that a promotion never takes too long: what then stays
	// behind is meant to.
	if _, err := mutate.GuardDelete(&unstructured.Unstructured{Object: rc.object}, time.Time{}); err != nil {
		return apierrors.NewTooManyRequests(err.Error(), 1)
	}
	return nil
}

var errWebhookDown = apierrors.NewInternalError(fmt.Errorf(`failed calling webhook "rc.rcroll.dev": no endpoints available`))

// isSent reports whether the webhook is called for a write, by what is shipped.
func isSent(by requester, old, object map[string]any) bool {
	write := shipped.Write{User: by.user, Namespace: namespace, Old: old, New: object}
	switch {
	case old == nil:
		write.Operation = admissionv1.Create
	case object == nil:
		write.Operation = admissionv1.Delete
	default:
		write.Operation = admissionv1.Update
	}
	called, err := manifests().webhook.IsCalledFor(context.Background(), write)
	if err != nil {
		panic(err)
	}
	return called
}

// installed is what the API server is told by manifests/base.
type installed struct {
	webhook  *shipped.Webhook
	policy   *shipped.Policy
	handover *shipped.Handover
}

var manifests = sync.OnceValue(func() installed {
	webhook, err := shipped.ReadWebhook("rc.rcroll.dev")
	if err != nil {
		panic(err)
	}
	policy, err := shipped.ReadPolicy()
	if err != nil {
		panic(err)
	}
	handover, err := shipped.ReadHandover()
	if err != nil {
		panic(err)
	}
	return installed{webhook: webhook, policy: policy, handover: handover}
})

// ownEntries are the labels and annotations that begin with rcroll's prefix.
func ownEntries(object map[string]any) map[string]any {
	own := map[string]any{}
	for _, kind := range []string{"labels", "annotations"} {
		for key, value := range entriesOf(object, kind) {
			if strings.HasPrefix(key, api.Prefix) {
				own[kind+"/"+key] = value
			}
		}
	}
	return own
}

func entriesOf(object map[string]any, kind string) map[string]any {
	metadata, _ := object["metadata"].(map[string]any)
	entries, _ := metadata[kind].(map[string]any)
	return entries
}

func annotationOf(object map[string]any, key string) string {
	value, _ := entriesOf(object, "annotations")[key].(string)
	return value
}

// setAnnotation sets one, or removes it if the value is empty.
func setAnnotation(object map[string]any, key, value string) {
	metadata := object["metadata"].(map[string]any)
	annotations, ok := metadata["annotations"].(map[string]any)
	if !ok {
		annotations = map[string]any{}
		metadata["annotations"] = annotations
	}
	if value == "" {
		delete(annotations, key)
		return
	}
	annotations[key] = value
}

// scale is a write to the scale subresource. The webhook's shell records a wish in
// the RC with a write of its own, and has the live number stored; the API server
// finds the RC changed, asks again, and nothing is left to do.
func (w *World) scale(user, name string, replicas int32) error {
	rc, err := w.findRC(name, preconditions{})
	if err != nil {
		return err
	}
	if w.webhookDown {
		return apierrors.NewInternalError(fmt.Errorf(`failed calling webhook "scale.rcroll.dev": no endpoints available`))
	}
	decision := mutate.DecideScale(mutate.ScaleWrite{Object: &unstructured.Unstructured{Object: rc.object}, Replicas: replicas, User: user}, mutateOptions)
	switch {
	case decision.Refusal != nil:
		return apierrors.NewForbidden(rcResource, name, decision.Refusal)
	case decision.Request != nil:
		_, err = w.updateRC(requester{user: webhookUser}, name, preconditions{}, func(object map[string]any) {
			setAnnotation(object, api.RequestAnnotation, decision.Request.String())
		})
		return err
	case decision.KeepLive:
		return nil
	}
	// The subresource is none that the webhook for RCs is asked about.
	object := rc.copy()
	object["spec"].(map[string]any)["replicas"] = int64(replicas)
	if rc.replicas != replicas {
		object["metadata"].(map[string]any)["generation"] = rc.generation + 1
	}
	w.replaceRC(rc, object)
	return nil
}

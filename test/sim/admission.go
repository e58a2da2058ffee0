package sim

import (
	"fmt"
	"reflect"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// Users of the simulation.
const (
	agentUser   = "rcroll-agent"
	webhookUser = "rcroll-webhook"
	someUser    = "jane"
)

var mutateOptions = mutate.Options{
	HashLabelKey:        api.DefaultHashLabelKey,
	AgentUser:           agentUser,
	WebhookUser:         webhookUser,
	DeclarativeManagers: mutate.DefaultDeclarativeManagers,
}

// admit is the webhook, for what its matchConditions select; object is what is to
// be stored.
func (w *World) admit(by requester, old *RC, object map[string]any) (map[string]any, error) {
	write := mutate.Write{New: &unstructured.Unstructured{Object: object}, User: by.user, FieldManager: by.fieldManager}
	var stored map[string]any
	if old != nil {
		stored = old.object
		write.Old = &unstructured.Unstructured{Object: stored}
	}
	if !matches(stored, object) {
		return object, nil
	}
	if w.webhookDown {
		return nil, errWebhookDown
	}
	decision := mutate.Decide(write, mutateOptions)
	if decision.Refusal == nil {
		return decision.Object.Object, nil
	}
	name := write.New.GetName()
	if decision.Stale {
		return nil, apierrors.NewConflict(rcResource, name, decision.Refusal)
	}
	return nil, apierrors.NewForbidden(rcResource, name, decision.Refusal)
}

// admitDelete is the webhook on a deletion.
func (w *World) admitDelete(rc *RC) error {
	switch err := mutate.GuardDelete(&unstructured.Unstructured{Object: rc.object}); {
	case err == nil:
		return nil
	case w.webhookDown:
		return errWebhookDown
	default:
		return apierrors.NewTooManyRequests(err.Error(), 1)
	}
}

var errWebhookDown = apierrors.NewInternalError(fmt.Errorf(`failed calling webhook "rc.rcroll.dev": no endpoints available`))

// matches is what manifests/base/webhook-configuration.yaml says in CEL.
func matches(old, object map[string]any) bool {
	if old == nil {
		return len(ownEntries(object)) > 0 || hasMarks(api.SpecOf(&unstructured.Unstructured{Object: object}))
	}
	optedOut := annotationOf(old, api.EnabledKey) == "false" && annotationOf(object, api.EnabledKey) == "false"
	if !optedOut && !reflect.DeepEqual(old["spec"], object["spec"]) {
		return true
	}
	if !reflect.DeepEqual(ownEntries(old), ownEntries(object)) {
		return true
	}
	_, rolling := entriesOf(old, "labels")[api.RollingLabel]
	return rolling
}

func hasMarks(spec api.Spec) bool {
	for _, labels := range []map[string]string{spec.Selector(), spec.TemplateLabels()} {
		for key, value := range labels {
			if strings.HasPrefix(key, api.Prefix) || api.IsHash(value) {
				return true
			}
		}
	}
	return false
}

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

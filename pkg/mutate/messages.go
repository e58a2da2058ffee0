package mutate

import (
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rcroll/rcroll/pkg/api"
)

// Everything that this package says to users is in this file: the warnings that
// clients print, and the refusals. Each begins with the object, which is passed as
// rc (rc/NAME), names the field and says what to do. testdata/messages.golden shows
// them all.

func warnRequested(rc, images string) string {
	return progress(rc, "rolling update to %s requested; the pods are replaced gradually", images)
}

func warnQueued(rc, images string) string {
	return progress(rc, "rolling update to %s requested; it starts in a moment, when the one in progress has completed", images)
}

func warnRetargeted(rc, images string) string {
	return progress(rc, "the rolling update in progress now targets %s", images)
}

func warnAdded(rc, images string) string {
	return progress(rc, "change added to the rolling update to %s in progress", images)
}

func warnScaled(rc string, replicas int32) string {
	return progress(rc, "the rolling update in progress will end with %d replicas", replicas)
}

func warnCancelled(rc, images string) string {
	return progress(rc, "rolling update cancelled; the pods are rolled back to %s", images)
}

// warnUnchanged is for a write that repeats what is requested; cancellable reports
// whether the requested template is another one than the live one.
func warnUnchanged(rc, images string, cancellable bool) string {
	warning := progress(rc, "no change; the rolling update to %s continues", images)
	if cancellable {
		warning += "; to cancel it: " + cancelCommand(rc)
	}
	return warning
}

// warnHeld is for a request that policies hold; why is theirs.
func warnHeld(rc, why string) string {
	return fmt.Sprintf("%s: the rolling update does not begin now: %s", rc, why)
}

// warnTurn is for a request that may have to wait for others.
func warnTurn(rc, why string) string {
	return fmt.Sprintf("%s: the rolling update may have to wait: %s", rc, why)
}

func warnOverridden(rc string, policies []string, until time.Time) string {
	return fmt.Sprintf("%s: overridden until %s, for this rolling update: RolloutPolicy %s", rc, until.Format(time.RFC3339), strings.Join(policies, ", "))
}

func warnOverrideIsOver(rc, text string) string {
	return fmt.Sprintf("%s: the override is over, and this changes nothing: to override again, remove the annotation %s first, and then set it to %s", rc, api.OverrideAnnotation, text)
}

func warnNotReplaced(rc string) string {
	return fmt.Sprintf("%s: no pods are replaced: the new pod template applies to pods created from now on; to replace the running ones, "+
		"change the annotation %s in spec.template.metadata.annotations; to have every change of the template rolled out, set the annotation %s=%s",
		rc, DefaultRestartAnnotations[0], api.TriggerAnnotation, api.TriggerTemplate)
}

func warnScaleDownDeferred(rc string) string {
	return progress(rc, "the autoscaler's scale-down is deferred until the rolling update in progress has completed")
}

// warnOwned is for a write of an owned ReplicationController.
func warnOwned(rc, owner string) string {
	return fmt.Sprintf("%s: not changed: it is managed by rcroll for %s; edit %s instead", rc, owner, owner)
}

// warnCreatedAsRequested is for an export with a request.
func warnCreatedAsRequested(rc, images string, replicas int32) string {
	return fmt.Sprintf("%s: this is an export from the middle of a rolling update: created as it was requested in its annotation %s (%s, %d replicas); "+
		"to create what its spec says, remove that annotation first", rc, api.RequestAnnotation, images, replicas)
}

// warnCreatedAsEdited is for an export whose template was edited.
func warnCreatedAsEdited(rc, images string, replicas int32) string {
	return fmt.Sprintf("%s: this is an edited export from the middle of a rolling update: created with the template that it has (%s), and with the %d replicas that were requested",
		rc, images, replicas)
}

// warnCreatedAsLive is for an export whose request cannot be read.
func warnCreatedAsLive(rc, images string, replicas int32) string {
	return fmt.Sprintf("%s: this is an export from the middle of a rolling update, and its annotation %s cannot be read: created as its spec says (%s, %d replicas), "+
		"which may be less than was requested", rc, api.RequestAnnotation, images, replicas)
}

// warnCreatedFromOwned is for an export of an owned ReplicationController.
func warnCreatedFromOwned(rc, owner string) string {
	return fmt.Sprintf("%s: this is an export of what rcroll made for a rolling update of %s: created without rcroll's labels; "+
		"to have all the pods that were requested, create the export of %s instead", rc, owner, owner)
}

// progress is a warning that says how to follow the rollout.
func progress(rc, format string, args ...any) string {
	return fmt.Sprintf("%s: %s; follow it with: kubectl describe %s", rc, fmt.Sprintf(format, args...), rc)
}

func cancelCommand(rc string) string {
	return fmt.Sprintf("kubectl annotate %s %s-", rc, api.RequestAnnotation)
}

var (
	annotationsPath    = field.NewPath("metadata", "annotations")
	labelsPath         = field.NewPath("metadata", "labels")
	specPath           = field.NewPath("spec")
	selectorPath       = specPath.Child("selector")
	templateLabelsPath = specPath.Child("template", "metadata", "labels")
)

// about says which object a problem is in.
func about(rc string, problem error) error { return fmt.Errorf("%s: %w", rc, problem) }

func errReserved(path *field.Path) error {
	return field.Forbidden(path, "may only be set by rcroll: remove it from the manifest; to start a rolling update, change an image in spec.template")
}

func errReservedMark(path *field.Path) error {
	return field.Forbidden(path, "may only be set by rcroll: remove it from the manifest")
}

func errSettingAsLabel(key string) error {
	return field.Forbidden(labelsPath.Key(key), "rcroll reads its settings from annotations, not from labels: set it in metadata.annotations")
}

func errHashLabelInUse(key, value string) error {
	return field.Invalid(templateLabelsPath.Key(key), value, fmt.Sprintf(
		"rcroll keeps the hash of the pod template in the label %s: use another label key, opt out with the annotation %s=false, "+
			"or ask the administrator to run rcroll with another --hash-label-key", key, api.EnabledKey))
}

func errHashLabelChanged(key, value, hash string) error {
	return field.Invalid(templateLabelsPath.Key(key), value, fmt.Sprintf(
		"this label holds the hash of the pod template and may only be set by rcroll: remove the label from the manifest, or keep its value %q", hash))
}

func errApproval(value, problem string) error {
	return field.Invalid(annotationsPath.Key(api.ApproveAnnotation), value, problem)
}

const nothingToApprove = "no rolling update is in progress: remove the annotation"

func errSelectorMismatch(labels map[string]string) *field.Error {
	return field.Invalid(templateLabelsPath, labels, "`selector` does not match template `labels`") // as the API server says it
}

// errNoRoomForRequest is about the limit of all annotations together. request is the
// size of the requested spec, size that of the largest other annotation; in bytes. The
// key of the latter is empty if there is no other.
func errNoRoomForRequest(rc string, request int, key string, size int) error {
	detail := fmt.Sprintf("all annotations together must not exceed %d bytes; rcroll keeps the requested spec in one until it is rolled out, which takes %d bytes",
		validation.TotalAnnotationSizeLimitB, request)
	switch key {
	case "":
		detail += ": shorten the pod template"
	case corev1.LastAppliedConfigAnnotation:
		detail += fmt.Sprintf("; the annotation %s takes %d bytes: use kubectl apply --server-side, which does not need it, and remove it with: kubectl annotate %s %s-", key, size, rc, key)
	default:
		detail += fmt.Sprintf("; the annotation %s takes %d bytes: shorten it or the pod template", key, size)
	}
	return about(rc, &field.Error{Type: field.ErrorTypeTooLong, Field: annotationsPath.String(), Detail: detail})
}

func errUnreadableRequest(rc string, err error) error {
	return fmt.Errorf("%s: %s: %w; cancel the rolling update with: %s",
		rc, annotationsPath.Key(api.RequestAnnotation), err, cancelCommand(rc))
}

func errNotMergeable(rc string, err error) error {
	return fmt.Errorf("%s: this change cannot be added to the rolling update in progress: %w; "+
		"or try again when that has completed, or cancel it first with: %s", rc, err, cancelCommand(rc))
}

// errRepeatedKey names an element by the key that it shares with another one.
func errRepeatedKey(path *field.Path) error {
	return fmt.Errorf("%s: several entries have this key, and the rolling update in progress changes the list too; to say which is meant, apply the whole manifest", path)
}

func warnPodsMayStay(rc string, selector map[string]string) string {
	return fmt.Sprintf("%s: deleted while it was taking over the pods of a rolling update, which did not end within %s: pods that it had not taken over stay, and have to be deleted by hand: kubectl delete pods -l %s",
		rc, maxDeleteDelay, labels.SelectorFromSet(selector))
}

func errAdopting(rc string) error {
	return fmt.Errorf("%s is taking over the pods of a finished rolling update, which would be orphaned: "+
		"try again in a few seconds; if this persists, check that the rcroll agent is running", rc)
}

// The agent reads these.

func errAgentChangesSpec(rc string) error {
	return about(rc, field.Forbidden(specPath, "the agent changes it by commands only, in the annotation "+api.CommandAnnotation))
}

func errAgentChangesRequest(rc string) error {
	return about(rc, field.Forbidden(field.NewPath("metadata"),
		"the agent changes the request of a rolling update by commands only, in the annotation "+api.CommandAnnotation))
}

func errNoCommand(rc string, err error) error {
	return fmt.Errorf("%s: %s: %w", rc, annotationsPath.Key(api.CommandAnnotation), err)
}

func errNotRequested(rc, owner string, err error) error {
	return fmt.Errorf("%s: the agent creates what %s asks for and nothing else: %w", rc, owner, err)
}

func errAnotherName(name string) error { return fmt.Errorf("the name of that is %s", name) }

func errCommandOutdated(rc string, operation api.Operation, err error) error {
	return fmt.Errorf("%s: the command %s is out of date: %w", rc, operation, err)
}

func errNoRequest(err error) error { return fmt.Errorf("no request: %w", err) }

var (
	errOwnerChanged    = errors.New("it is another version than the annotation " + api.OwnerVersionAnnotation + " names")
	errTemplateNotLive = errors.New("the requested template is not live")
	errMarked          = errors.New("a promotion is in progress")
	errNotAdopting     = errors.New("no pods are being adopted")
	errNotSealed       = errors.New("the selector is not sealed")
	errSealed          = errors.New("the selector is sealed")
)

func errAnotherTemplate(command, requested string) error {
	return fmt.Errorf("it is for the template %s, requested is %s", command, requested)
}

func errHasReplicas(replicas int32) error {
	return fmt.Errorf("the pods of its %d replicas would be orphaned", replicas)
}

func warnCreatedWithoutOwner(rc string, replicas int32) string {
	return fmt.Sprintf("%s: this is an export of what rcroll made for a rolling update, whose ReplicationController has all of its pods: created without replicas instead of %d; delete it, or scale it", rc, replicas)
}

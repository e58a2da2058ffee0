package mutate

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/golden/messages"
)

func TestMessages(t *testing.T) {
	const (
		rc     = "rc/tomcat"
		images = "busybox:1, tomcat:8"
		hash   = "0123456789abcdef0123456789abcdef"
	)
	unreadable := errors.New("not a ReplicationControllerSpec: it has no template")
	warnings := []messages.Message{
		{When: "the image was changed", Text: warnRequested(rc, images)},
		{When: "a policy freezes it", Text: warnHeld(rc, "RolloutPolicy freeze holds it: incident 4711")},
		{When: "a policy allows so many at once", Text: warnTurn(rc, "RolloutPolicy production allows 3 at once: it begins in its turn")},
		{When: "a policy was overridden", Text: warnOverridden(rc, []string{"freeze"}, time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))},
		{When: "the image was changed during the promotion of another", Text: warnQueued(rc, images)},
		{When: "the image was changed during a rolling update", Text: warnRetargeted(rc, images)},
		{When: "something else of the spec was changed during a rolling update", Text: warnAdded(rc, images)},
		{When: "the replicas were changed during a rolling update", Text: warnScaled(rc, 8)},
		{When: "the rolling update was cancelled", Text: warnCancelled(rc, images)},
		{When: "the same was asked for again", Text: warnUnchanged(rc, images, true)},
		{When: "the same was asked for again, and is live already", Text: warnUnchanged(rc, images, false)},
		{When: "an autoscaler scales down during a rolling update", Text: warnScaleDownDeferred(rc)},
		{When: "an export from the middle of a rolling update is created", Text: warnCreatedAsRequested(rc, images, 5)},
		{When: "a deletion during a promotion that does not end", Text: warnPodsMayStay(rc, map[string]string{"app": "tomcat"})},
		{When: "an edited export from the middle of a rolling update is created", Text: warnCreatedAsEdited(rc, images, 5)},
		{When: "an export whose request cannot be read is created", Text: warnCreatedAsLive(rc, images, 1)},
	}
	onOwned := []messages.Message{
		{When: "an edit of an owned ReplicationController", Text: warnOwned(rc+"-"+hash, rc)},
		{When: "an export of an owned ReplicationController is created", Text: warnCreatedFromOwned(rc+"-"+hash, rc)},
	}
	refusals := []messages.Message{
		messages.Error("an annotation of rcroll's", about(rc, errReserved(annotationsPath.Key(api.RequestAnnotation)))),
		messages.Error("the label of rcroll's", about(rc, errReserved(labelsPath.Key(api.RollingLabel)))),
		messages.Error("a mark of a promotion in the selector", about(rc, errReservedMark(selectorPath.Key(api.SealedLabel)))),
		messages.Error("a mark of a promotion in the template", about(rc, errReservedMark(templateLabelsPath.Key(api.AdoptingLabel)))),
		messages.Error("a setting as a label", about(rc, errSettingAsLabel(api.PausedAnnotation))),
		messages.Error("the hash label's key is in use", about(rc, errHashLabelInUse(api.DefaultHashLabelKey, "web"))),
		messages.Error("the hash label was changed", about(rc, errHashLabelChanged(api.DefaultHashLabelKey, "web", hash))),
		messages.Error("the selector does not match", about(rc, errSelectorMismatch(map[string]string{"app": "tomcat"}))),
		messages.Error("no room for the request", errNoRoomForRequest(rc, 300000, "", 0)),
		messages.Error("no room beside another annotation", errNoRoomForRequest(rc, 200000, "note", 100000)),
		messages.Error("no room beside kubectl's annotation", errNoRoomForRequest(rc, 150000, corev1.LastAppliedConfigAnnotation, 149000)),
		messages.Error("a pending request that cannot be read", errUnreadableRequest(rc, unreadable)),
		messages.Error("a change that cannot be merged", errNotMergeable(rc, errRepeatedKey(specPath.Child("template", "spec", "hostAliases").Key("10.0.0.1")))),
		messages.Error("a deletion during the promotion", errAdopting(rc)),
	}
	outdated := func(err error) error { return errCommandOutdated(rc, api.Seal, err) }
	toTheAgent := []messages.Message{
		messages.Error("the agent creates what is out of date", errNotRequested(rc+"-"+hash, rc, errOwnerChanged)),
		messages.Error("the agent creates something else", errNotRequested(rc+"-x", rc, errAnotherName(rc+"-"+hash))),
		messages.Error("the agent writes the spec", errAgentChangesSpec(rc)),
		messages.Error("the agent writes a request", errAgentChangesRequest(rc)),
		messages.Error("not a command", errNoCommand(rc, errors.New(`not a command: unknown operation "Dance"`))),
		messages.Error("a command without a request", outdated(errNoRequest(unreadable))),
		messages.Error("a command for another template", outdated(errAnotherTemplate("0123", "4567"))),
		messages.Error("a command that would orphan pods", outdated(errHasReplicas(3))),
		messages.Error("another template is live", outdated(errTemplateNotLive)),
		messages.Error("in the middle of a promotion", outdated(errMarked)),
		messages.Error("before pods are adopted", outdated(errNotAdopting)),
		messages.Error("before the selector is sealed", outdated(errNotSealed)),
		messages.Error("after the selector was sealed", outdated(errSealed)),
	}
	for _, warning := range warnings {
		text, found := strings.CutPrefix(warning.Text, rc+": ")
		assert.True(t, found, warning.Text)
		assert.Equal(t, strings.ToLower(text[:1]), text[:1], "warnings begin lower-case")
	}
	for _, refusal := range append(refusals, toTheAgent...) {
		assert.True(t, strings.HasPrefix(refusal.Text, rc), refusal.Text)
	}
	messages.Check(t, slices.Concat(warnings, onOwned, refusals, toTheAgent)...)
}

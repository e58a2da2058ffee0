package rcroll

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/history"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/pkg/progress"
)

// undoAttempts is how often an edit is decided anew because the ReplicationController was
// written in between, as it is with every step of a rollout.
const undoAttempts = 5

func (e *environment) undoCommand() *cobra.Command {
	var number int64
	var dryRun bool
	command := e.named("undo", "Go back to an earlier revision, by default to the one before", func(ctx context.Context, c *client.Client, name string) error {
		var err error
		for range undoAttempts {
			if err = e.undo(ctx, c, bare(name), number, dryRun); !apierrors.IsConflict(err) {
				return err
			}
		}
		return err
	})
	command.Long = `Go back to an earlier revision, by default to the one before.

It is an edit of the ReplicationController: all pods are replaced by those of that template, and what else was
requested meanwhile is not. While a rolling update is in progress, to go back to the live template cancels it.`
	command.Flags().Int64Var(&number, "to-revision", 0, "The revision to go back to. 0 is the one before.")
	command.Flags().BoolVar(&dryRun, "dry-run", false, "Have the API server judge it, and store nothing.")
	e.completeRevisions(command, "to-revision")
	return command
}

func (e *environment) undo(ctx context.Context, c *client.Client, name string, number int64, dryRun bool) error {
	p, err := readPast(ctx, c, name)
	if err != nil {
		return err
	}
	u, err := undoOf(p, number, time.Now())
	if err != nil {
		return err
	}
	if u.edit == nil {
		return e.printDone(p.rc, fmt.Sprintf("skipped rollback (current template already matches revision %d)", u.to.Number))
	}
	e.warnDeclared(p.rc)
	stored, err := c.Apply(ctx, name, *u.edit, dryRun)
	if err != nil {
		return err
	}
	switch {
	case u.cancels:
		err = checkAborted(stored)
	case p.rollout.Desired > 0:
		err = checkRequested(stored)
	}
	if err != nil {
		return err
	}
	done := "rolled back"
	if dryRun {
		done += " (server dry run)"
	}
	return e.printDone(stored, done)
}

// undoing is what an undo does.
type undoing struct {
	to history.Revision

	// edit is nil if there is nothing to do.
	edit *client.Edit

	// cancels is set if the edit withdraws a request.
	cancels bool
}

// undoOf decides what to send. number is 0 for the revision before.
func undoOf(p past, number int64, now time.Time) (undoing, error) {
	if len(p.revisions) == 0 {
		return undoing{}, errNoHistory(p.rollout.Ref())
	}
	live, r := p.liveHash(), p.rollout
	current, pending := live, r.Phase.Pending() && r.Requested != nil
	if pending && !r.Cancelled {
		current = r.RequestedHash
	}
	if number == 0 {
		previous := history.Previous(p.revisions, current)
		if previous == nil {
			return undoing{}, errNoPrevious(r.Ref())
		}
		number = previous.Number
	}
	i, err := p.find(number)
	if err != nil {
		return undoing{}, err
	}
	u := undoing{to: p.revisions[i]}
	spec, err := history.SpecOf(p.objects[i])
	switch {
	case err != nil:
		return undoing{}, err
	case u.to.Hash == current:
		return u, nil
	case pending && u.to.Hash == live && r.Phase != progress.Promoting:
		edit := client.Annotate(map[string]any{api.RequestAnnotation: nil})
		u.edit, u.cancels = &edit, true
	case pending:
		u.edit = &client.Edit{Body: replacement(p, spec)}
	default:
		u.edit = templatePatch(p, spec, now)
	}
	return u, nil
}

// templatePatch replaces the template, as to patch with the data of the revision does. The
// hash label stays, for an RC that rcroll does not act on must select its pods as well. A
// change that has no pods replaced by itself is a restart, too.
func templatePatch(p past, wanted api.Spec, now time.Time) *client.Edit {
	live := p.rollout.Live
	_, labels := live.RollLabels(hashKeyOf(live))
	wanted = wanted.DeepCopy().Labelled(nil, labels)
	restart := mutate.DefaultRestartAnnotations[0]
	rolls := !wanted.SameImages(live) || wanted.TemplateAnnotation(restart) != live.TemplateAnnotation(restart) ||
		p.rc.GetAnnotations()[api.TriggerAnnotation] == api.TriggerTemplate
	if !rolls {
		_ = unstructured.SetNestedField(wanted, now.UTC().Format(time.RFC3339), "template", "metadata", "annotations", restart)
	}
	template := wanted["template"].(map[string]any)
	template["$patch"] = "replace"
	return &client.Edit{Type: types.StrategicMergePatchType, Body: map[string]any{
		"metadata": map[string]any{"resourceVersion": p.rc.GetResourceVersion()},
		"spec":     map[string]any{"template": template},
	}}
}

// replacement is the whole object as kubectl replace sends it: what was requested before
// counts no more, of which a patch would keep a part.
func replacement(p past, wanted api.Spec) *unstructured.Unstructured {
	object := api.EmptyRC()
	object.SetNamespace(p.rc.GetNamespace())
	object.SetName(p.rc.GetName())
	object.SetResourceVersion(p.rc.GetResourceVersion())
	labels, annotations := maps.Clone(p.rc.GetLabels()), maps.Clone(p.rc.GetAnnotations())
	maps.DeleteFunc(labels, func(key, _ string) bool { return strings.HasPrefix(key, api.Prefix) })
	maps.DeleteFunc(annotations, func(key, _ string) bool {
		return strings.HasPrefix(key, api.Prefix) && !slices.Contains(api.Settings, key)
	})
	object.SetLabels(labels)
	object.SetAnnotations(annotations)
	object.Object["spec"] = map[string]any(p.rollout.Requested.WithTemplateOf(wanted))
	return object
}

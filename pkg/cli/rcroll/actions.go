package rcroll

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/pkg/progress"
)

// action is a subcommand that makes one edit.
type action struct {
	name, short string

	// done is what is printed behind the name.
	done string

	// edit is pure: what to send, or why not.
	edit func(r progress.Rollout, now time.Time) (client.Edit, error)

	// check looks at what was stored; nil if there is nothing to look for.
	check func(stored *unstructured.Unstructured) error

	// images is set if the edit goes against a manifest that has the requested images.
	images bool
}

var actions = []action{
	{name: "pause", short: "Keep a rolling update where it is, and its deadline", done: "paused",
		edit: func(progress.Rollout, time.Time) (client.Edit, error) {
			return client.Annotate(map[string]any{api.PausedAnnotation: api.True}), nil
		}},
	{name: "resume", short: "Go on with a rolling update that was paused", done: "resumed",
		edit: func(progress.Rollout, time.Time) (client.Edit, error) {
			return client.Annotate(map[string]any{api.PausedAnnotation: nil}), nil
		}},
	{name: "approve", short: "Let a rolling update go on from the pause of the step that it is at", done: "approved", edit: approve},
	{name: "abort", short: "Cancel a rolling update: the old pods come back", done: "aborted", edit: abort, check: checkAborted, images: true},
	{name: "retry", short: "Begin a rolling update that failed anew, with new pods of the same template", done: "retried", edit: retry, check: checkRequested},
	{name: "restart", short: "Replace all pods by new ones of the same template", done: "restarted",
		edit: func(_ progress.Rollout, now time.Time) (client.Edit, error) { return restartEdit(now), nil }, check: checkRequested},
}

func (e *environment) actionCommand(a action) *cobra.Command {
	return e.named(a.name, a.short, func(ctx context.Context, c *client.Client, name string) error {
		rc, r, err := c.Read(ctx, name)
		if err != nil {
			return err
		}
		edit, err := a.edit(r, time.Now())
		if err != nil {
			return err
		}
		if a.images {
			e.warnDeclared(rc)
		}
		stored, err := c.Apply(ctx, name, edit, false)
		if err != nil {
			return err
		}
		if a.check != nil {
			if err := a.check(stored); err != nil {
				return err
			}
		}
		return e.printDone(stored, a.done)
	})
}

// warnDeclared warns whoever changes images that something else declares.
func (e *environment) warnDeclared(rc *unstructured.Unstructured) {
	if managers := mutate.DeclaredBy(rc); len(managers) > 0 {
		printers.NewWarningPrinter(e.ErrOut, printers.WarningPrinterOptions{Color: printers.AllowsColorOutput(e.ErrOut)}).Print(warnDeclared("rc/"+rc.GetName(), managers))
	}
}

// printDone prints what kubectl prints of an edit.
func (e *environment) printDone(object *unstructured.Unstructured, done string) error {
	return (&printers.NamePrinter{Operation: done}).PrintObj(object, e.Out)
}

// approve is for the step that is seen: of another one, or of another request, nobody has
// made up their mind.
func approve(r progress.Rollout, _ time.Time) (client.Edit, error) {
	if r.Phase != progress.PausedAtStep {
		return client.Edit{}, errNothingToApprove(r)
	}
	if r.Step == 0 {
		return client.Edit{}, errStepUnknown(r)
	}
	return client.Annotate(map[string]any{api.ApproveAnnotation: api.Approval{Hash: r.RequestedHash, Step: r.Step}.String()}), nil
}

// abort withdraws the request, which cancels with every client and at any time.
func abort(r progress.Rollout, _ time.Time) (client.Edit, error) {
	switch {
	case r.Phase == progress.Promoting:
		return client.Edit{}, errTooLate(r.Ref())
	case !r.Phase.Pending():
		return client.Edit{}, errNothingPending(r.Ref())
	}
	return client.Annotate(map[string]any{api.RequestAnnotation: nil}), nil
}

// checkAborted finds out that the promotion began in between: then the request stays.
func checkAborted(stored *unstructured.Unstructured) error {
	if r := progress.Of(stored, nil); r.Phase == progress.Promoting {
		return errTooLate(r.Ref())
	}
	return nil
}

func retry(r progress.Rollout, now time.Time) (client.Edit, error) {
	if r.Phase != progress.Failed {
		return client.Edit{}, errCannotRetry(r)
	}
	return restartEdit(now), nil
}

// restartEdit is that of kubectl rollout restart, which knows no ReplicationControllers.
func restartEdit(now time.Time) client.Edit {
	annotations := map[string]any{mutate.DefaultRestartAnnotations[0]: now.UTC().Format(time.RFC3339)}
	return client.Edit{Type: types.StrategicMergePatchType, Body: map[string]any{"spec": map[string]any{
		"template": map[string]any{"metadata": map[string]any{"annotations": annotations}}}}}
}

// checkRequested fails if nobody kept the edit back for a rolling update.
func checkRequested(stored *unstructured.Unstructured) error {
	if r := progress.Of(stored, nil); !r.Phase.Pending() && r.Desired > 0 {
		return errUnreviewed(r.Ref())
	}
	return nil
}

func (e *environment) setCommand() *cobra.Command {
	set := &cobra.Command{Use: "set", Short: "Change what a ReplicationController runs", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() }}
	set.AddCommand(&cobra.Command{
		Use:   "image NAME CONTAINER=IMAGE...",
		Short: "Set images; back to those that are live cancels a rolling update in progress",
		Args:  cobra.MinimumNArgs(2),

		ValidArgsFunction: e.completeNames,
		RunE: func(command *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			return e.setImage(command.Context(), c, args[0], args[1:])
		},
	})
	return set
}

func (e *environment) setImage(ctx context.Context, c *client.Client, name string, assignments []string) error {
	rc, r, err := c.Read(ctx, name)
	if err != nil {
		return err
	}
	edit, cancels, err := imageEdit(r, assignments)
	if err != nil {
		return err
	}
	e.warnDeclared(rc)
	stored, err := c.Apply(ctx, name, edit, false)
	if err != nil {
		return err
	}
	if cancels {
		if err := checkAborted(stored); err != nil {
			return err
		}
		return e.printDone(stored, fmt.Sprintf("rolled back to %s", images(r.Live)))
	}
	if !reflect.DeepEqual(api.SpecOf(stored).Images(), r.Live.Images()) {
		if err := checkRequested(stored); err != nil {
			return err
		}
	}
	return e.printDone(stored, "image updated")
}

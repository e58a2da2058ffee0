package rollingupdate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/pkg/rollout"
)

func (o *options) run(ctx context.Context, c *client.Client) error {
	if o.key != api.DefaultHashLabelKey {
		o.notice("Warning: " + keyNotice(o.key))
	}
	rc, before, err := c.Read(ctx, o.name)
	switch {
	case apierrors.IsNotFound(err) && !o.rollback:
		return o.resumeRenaming(ctx, c, err)
	case err != nil:
		return err
	}
	if o.rollback {
		return o.rollBack(ctx, c, rc, before)
	}
	edit, err := o.edit(rc, before)
	switch {
	case err != nil:
		return err
	case before.Phase == progress.Deleting && o.newName != "":
		return o.resumeRenaming(ctx, c, errDeleted(before.Ref()))
	}
	tried, err := c.Apply(ctx, o.name, edit, true)
	if err != nil {
		return err
	}
	if err := o.accepted(rc, tried); err != nil {
		return err
	}
	if err := o.checkRenaming(ctx, c, rc, tried); err != nil {
		return err
	}
	if o.dryRun {
		return o.showDryRun(rc, tried)
	}
	stored, err := c.Apply(ctx, o.name, edit, false)
	if err != nil {
		return err
	}
	return o.followUpdate(ctx, c, before, stored)
}

// accepted returns an error unless the edit, which was only tried, is kept back for a
// rolling update. Where there are no pods there is nothing to keep it back for.
func (o *options) accepted(rc, tried *unstructured.Unstructured) error {
	_, requested := tried.GetAnnotations()[api.RequestAnnotation]
	before, after := api.SpecOf(rc), api.SpecOf(tried)
	switch {
	case requested, before.Replicas() == 0, after.Replicas() == 0:
		return nil
	case before.SameTemplate(after, api.DefaultHashLabelKey) && o.rolledBefore(rc):
		return nil
	case before.SameTemplate(after, api.DefaultHashLabelKey):
		return errNoChange(o.name)
	}
	return errNotReviewed(o.name)
}

func (o *options) followUpdate(ctx context.Context, c *client.Client, before progress.Rollout, stored *unstructured.Unstructured) error {
	others, err := c.Rolling(ctx)
	if err != nil {
		return err
	}
	now := progress.Of(stored, others)
	if !now.Phase.Pending() {
		return o.finish(ctx, c, stored) // No pods, no rollout.
	}
	t := &tale{before: before, hash: now.RequestedHash, target: api.NewRCName(o.name, now.RequestedHash), newName: o.newName}
	if t.existed = exists(before, t.target); t.existed {
		o.say(fmt.Sprintf("Found existing update in progress (%s), resuming.", cmp.Or(o.newName, t.target)))
	}
	end, err := o.follow(ctx, c, stored, o.goOn(), t.observe)
	if err != nil {
		return err
	}
	return o.finish(ctx, c, end)
}

func exists(r progress.Rollout, name string) bool {
	isIt := func(m rollout.Member) bool { return m.Name == name }
	return slices.ContainsFunc(r.Old, isIt) || r.New != nil && isIt(*r.New)
}

// rollBack cancels the rollout that is under way, and follows its end.
func (o *options) rollBack(ctx context.Context, c *client.Client, rc *unstructured.Unstructured, before progress.Rollout) error {
	live := before.Live.DistinctImages()
	switch {
	case o.newName != "" && o.newName != before.NewName && !o.rolledBefore(rc):
		return errNoSuchUpdate(o.newName)
	case !before.Phase.Pending():
		return errNothingToRollBack(o.name)
	case before.Phase == progress.Promoting:
		return errTooLate(o.name)
	case o.image != "" && !slices.Contains(live, o.image):
		return errRollbackImage(o.image, live)
	}
	t := &rollbackTale{}
	if o.dryRun {
		_, err := fmt.Fprintf(o.Out, "Rolling from:\n%s\nTo:\n%s\n", before.NewName, o.name)
		return err
	}
	stored, err := o.withdraw(ctx, c, rc, before)
	if err != nil {
		return err
	}
	others, err := c.Rolling(ctx)
	if err != nil {
		return err
	}
	now := progress.Of(stored, others)
	if now.Phase == progress.Promoting {
		return errTooLate(o.name)
	}
	o.say(t.begin(now)...)
	end, err := o.follow(ctx, c, stored, goOnRollback(o.name), t.observe)
	if err != nil {
		return err
	}
	return o.printResult(end)
}

// withdraw takes the request back, and the name that was to be had with it.
func (o *options) withdraw(ctx context.Context, c *client.Client, rc *unstructured.Unstructured, before progress.Rollout) (*unstructured.Unstructured, error) {
	stored := rc
	var err error
	if !before.Cancelled {
		if stored, err = c.Apply(ctx, o.name, client.Annotate(map[string]any{api.RequestAnnotation: nil}), false); err != nil {
			return nil, err
		}
	}
	if stored.GetAnnotations()[nextAnnotation] == "" || progress.Of(stored, nil).Phase == progress.Promoting {
		return stored, nil
	}
	// Not in the write that cancels: that one is known by changing nothing else.
	return c.Apply(ctx, o.name, client.Annotate(map[string]any{nextAnnotation: nil}), false)
}

// again is the command line that follows the same rollout.
func (o *options) again() string {
	line := "kubectl rolling-update " + o.name
	if o.newName != "" {
		line += " " + o.newName
	}
	if len(o.filenames) > 0 {
		return line + " --filename=" + o.filenames[0]
	}
	if o.container != "" {
		line += " --container=" + o.container
	}
	return line + " --image=" + o.image
}

// goOn is what to say if the command is interrupted.
func (o *options) goOn() string {
	if o.newName != "" {
		return goOnRenaming(o.name, o.newName, o.again())
	}
	return goOn(o.name, o.again())
}

func (o *options) say(lines ...string) {
	for _, line := range lines {
		_, _ = fmt.Fprintln(o.Out, line)
	}
}

func (o *options) notice(text string) { _, _ = fmt.Fprintln(o.ErrOut, text) }

func (o *options) printResult(rc *unstructured.Unstructured) error {
	printer, err := o.print.ToPrinter()
	if err != nil {
		return fmt.Errorf("print %s: %w", o.name, err)
	}
	return printer.PrintObj(rc, o.Out)
}

// showDryRun prints the two ReplicationControllers, in the old command's form.
func (o *options) showDryRun(rc, tried *unstructured.Unstructured) error {
	to := rc
	if text, requested := tried.GetAnnotations()[api.RequestAnnotation]; requested {
		request, err := api.ParseSpec(text)
		if err != nil {
			return fmt.Errorf("read the request: %w", err)
		}
		to = api.NewRC(rc, request, api.DefaultHashLabelKey)
	}
	if o.newName != "" {
		to = to.DeepCopy()
		to.SetName(o.newName)
	}
	if o.print.OutputFormat == nil || *o.print.OutputFormat == "" {
		_, err := fmt.Fprintf(o.Out, "Rolling from:\n%s\nTo:\n%s\n", rc.GetName(), to.GetName())
		return err
	}
	o.say("Rolling from:")
	err := o.printResult(rc)
	o.say("", "To:")
	err = errors.Join(err, o.printResult(to))
	o.say("")
	return err
}

package rollingupdate

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/cli/exit"
	"github.com/rcroll/rcroll/pkg/progress"
)

const (
	// renamePoll is the time between two looks at what others have to do.
	renamePoll = 100 * time.Millisecond

	// renameTimeout bounds the time without a controller: the garbage collector orphans some
	// dozens of pods in a second.
	renameTimeout = 5 * time.Minute

	// orphansSeen is the time that kube-controller-manager has for seeing that the pods have
	// no controller any more, of which nothing tells. One that has not seen it creates pods
	// beside them, and deletes those again when it has.
	orphansSeen = time.Second
)

// finish prints what has become of it, after the change of the name if there is one.
func (o *options) finish(ctx context.Context, c *client.Client, end *unstructured.Unstructured) error {
	if o.newName == "" {
		return o.printResult(end)
	}
	if err := o.leave(ctx, c, end.GetUID()); err != nil {
		return o.notRenamed(err)
	}
	return o.takeOver(ctx, c)
}

// notRenamed is the error of a change of the name that was not made.
func (o *options) notRenamed(err error) error {
	if errors.Is(err, context.Canceled) {
		o.notice("\n" + o.goOn())
		return &exit.Error{Code: exit.Interrupted, Err: errInterrupted}
	}
	return errNotRenamed(o.name, o.newName, err)
}

// checkRenaming finds out before anything is rolled whether the name can be changed in
// the end: another ReplicationController of that name, missing rights and quotas are told
// while nothing is changed.
func (o *options) checkRenaming(ctx context.Context, c *client.Client, rc, tried *unstructured.Unstructured) error {
	if o.newName == "" {
		return nil
	}
	spec := api.SpecOf(tried)
	if text, requested := tried.GetAnnotations()[api.RequestAnnotation]; requested {
		var err error
		if spec, err = api.ParseSpec(text); err != nil {
			return fmt.Errorf("read the request: %w", err)
		}
	}
	existing, err := c.Get(ctx, o.newName)
	switch {
	case apierrors.IsNotFound(err):
		if _, err := c.Create(ctx, o.successor(rc, spec), true); err != nil {
			return err
		}
	case err != nil:
		return err
	case !isSuccessor(existing, o.name):
		return errExists(o.name, o.newName)
	}
	all, err := c.List(ctx, c.Namespace, "")
	if err != nil {
		return err
	}
	if other := overlapping(all, rc, spec.TemplateLabels()); other != "" {
		return errOverlap(other, o.name)
	}
	return client.IgnoreConflict(c.Orphan(ctx, rc, true))
}

// leave makes the successor, sealed, and deletes the ReplicationController without its
// pods. It is deleted as it was when the successor was made of it: what somebody changes
// in between is not lost, and a rollout that somebody begins is not cut off.
func (o *options) leave(ctx context.Context, c *client.Client, uid types.UID) error {
	for {
		old, err := o.awaitWhole(ctx, c, o.name, uid)
		if err != nil {
			return err
		}
		if err := o.makeSuccessor(ctx, c, old); err != nil {
			return err
		}
		if err = c.Orphan(ctx, old, false); !apierrors.IsConflict(err) {
			return err
		}
	}
}

// awaitWhole waits until all pods are there: one that was created just now may be unknown
// to the garbage collector, which would then not orphan it.
func (o *options) awaitWhole(ctx context.Context, c *client.Client, name string, uid types.UID) (rc *unstructured.Unstructured, err error) {
	err = wait.PollUntilContextTimeout(ctx, renamePoll, renameTimeout, true, func(ctx context.Context) (bool, error) {
		var others []*unstructured.Unstructured
		if rc, others, err = c.ReadAll(ctx, name); err != nil {
			return false, err
		}
		r := progress.Of(rc, others) // Of what is over no policy says anything.
		switch {
		case rc.GetUID() != uid || r.Phase == progress.Deleting:
			return false, errDeleted(r.Ref())
		case r.Phase.Pending():
			return false, errChangedBeforeRenaming(r)
		}
		return r.Phase != progress.Settling, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = errNotWhole(name)
	}
	return rc, err
}

func (o *options) makeSuccessor(ctx context.Context, c *client.Client, old *unstructured.Unstructured) error {
	successor := o.successor(old, api.SpecOf(old))
	existing, err := c.Get(ctx, o.newName)
	switch {
	case apierrors.IsNotFound(err):
		_, err = c.Create(ctx, successor, false)
		return err
	case err != nil:
		return err
	case !isSuccessor(existing, o.name):
		return errExists(o.name, o.newName)
	}
	successor.SetUID(existing.GetUID())
	successor.SetResourceVersion(existing.GetResourceVersion())
	_, err = c.Apply(ctx, o.newName, client.Edit{Body: successor}, false)
	return err
}

// takeOver has the successor take the pods once they have no controller. It is not
// interrupted before it does: nothing would replace a pod that ends.
func (o *options) takeOver(ctx context.Context, c *client.Client) error {
	moment, cancel := context.WithTimeout(context.WithoutCancel(ctx), renameTimeout)
	defer cancel()
	if err := o.awaitGone(moment, c); err != nil {
		return o.notRenamed(err)
	}
	time.Sleep(orphansSeen)
	var stored *unstructured.Unstructured
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		sealed, err := c.Get(moment, o.newName)
		if err != nil {
			return err
		}
		successor, err := opened(sealed)
		if err != nil {
			return err
		}
		stored, err = c.Apply(moment, o.newName, client.Edit{Body: successor}, false)
		return err
	})
	if err != nil {
		return o.notRenamed(err)
	}
	if stored, err = o.awaitWhole(ctx, c, o.newName, stored.GetUID()); err != nil {
		return o.notRenamed(err)
	}
	o.print.NamePrintFlags.Operation = fmt.Sprintf("rolling updated to %q", o.newName)
	return o.printResult(stored)
}

func (o *options) awaitGone(ctx context.Context, c *client.Client) error {
	err := wait.PollUntilContextCancel(ctx, renamePoll, true, func(ctx context.Context) (bool, error) {
		old, err := c.Get(ctx, o.name)
		if apierrors.IsNotFound(err) || err == nil && old.GetDeletionTimestamp() == nil {
			return true, nil
		}
		return false, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return errNotGone(o.name)
	}
	return err
}

// resumeRenaming goes on where the ReplicationController is gone, or about to, and its
// successor has not taken the pods yet. Otherwise it is simply not there.
func (o *options) resumeRenaming(ctx context.Context, c *client.Client, gone error) error {
	if len(o.filenames) > 0 && o.file == nil {
		if err := o.read(o.filenames[0]); err != nil {
			return gone
		}
	}
	if o.newName == "" || o.dryRun {
		return gone
	}
	successor, err := c.Get(ctx, o.newName)
	if err != nil || !isSuccessor(successor, o.name) {
		return gone
	}
	o.say(fmt.Sprintf("Found existing update in progress (%s), resuming.", o.newName))
	return o.takeOver(ctx, c)
}

package rollingupdate

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
)

// What users read of this command besides the lines of a rollout. Where the old command
// said the same, these are its words; they begin with capital letters and end as they
// did. testdata/messages.golden shows them all.

var (
	errNoKey        = errors.New("--deployment-label-key can not be empty")
	errFilenames    = errors.New("May only specify a single filename for new controller") //nolint:staticcheck // the old command's words
	errNoTemplate   = errors.New("Must specify --filename or --image for new controller") //nolint:staticcheck // as above
	errTwoTemplates = errors.New("--filename and --image can not both be specified")      //nolint:staticcheck // as above
	errRollbackFile = errors.New("Don't specify --filename on rollback")                  //nolint:staticcheck // as above
	errNoName       = errors.New("Must specify the controller to update")                 //nolint:staticcheck // as above
	errContainer    = errors.New("must specify container to update when updating a multi-container pod")
	errPullPolicy   = errors.New("--image-pull-policy (Always|Never|IfNotPresent) must be provided when --image is the same as existing container image")
	errInterrupted  = errors.New("interrupted")
	errTimeout      = errors.New("timed out waiting for any update progress to be made")
)

func errTooManyNames(args []string) error {
	return fmt.Errorf("Must specify one controller to update and at most one new name, got %s", strings.Join(args, " ")) //nolint:staticcheck // as the old command would say it
}

func errSameName(name string) error {
	return fmt.Errorf("%s cannot have the same name as the existing ReplicationController %s", name, name)
}

func errNoContainer(container string) error {
	return fmt.Errorf("container %s not found in pod", container)
}

func errInProgress(image string) error {
	return fmt.Errorf("Found existing in-progress update to image (%s).\nEither continue in-progress update with --image=%s or rollback with --rollback", image, image) //nolint:staticcheck // the old command's words
}

func errNothingToRollBack(name string) error {
	return fmt.Errorf("Could not find an update of %s to rollback.\n", name) //nolint:staticcheck // the old command's words
}

func errNoSuchUpdate(newName string) error {
	return fmt.Errorf("Could not find %s to rollback.\n", newName) //nolint:staticcheck // the old command's words
}

func errTooLate(name string) error {
	return fmt.Errorf("%s already takes over its new pods, so that there is nothing left to roll back: when it has, update it to the image that it had before", name)
}

func errRollbackImage(image string, live []string) error {
	return fmt.Errorf("--image=%s is not what a rollback leads to, which is %s: leave --image out to roll back, or --rollback to update to %s", image, strings.Join(live, ", "), image)
}

func errOtherName(filename, got, newName string) error {
	return fmt.Errorf("%s is of %s, not of %s", filename, got, newName)
}

func errOtherNamespace(filename, got, namespace string) error {
	return fmt.Errorf("%s is of the namespace %s, not of %s: pods do not change theirs", filename, got, namespace)
}

func errExists(name, newName string) error {
	return fmt.Errorf("%s exists already, and is not what an interrupted rolling update of %s left: give another name, or delete it", newName, name)
}

func errOverlap(other, name string) error {
	return fmt.Errorf("rc/%s selects the pods of %s, too, and would take them while the name changes: narrow its selector", other, name)
}

func errNotRenamed(name, newName string, err error) error {
	return fmt.Errorf("the pods of %s are all new, but it did not become %s: %w; to try that again, repeat the command", name, newName, err)
}

func errChangedBeforeRenaming(r progress.Rollout) error {
	return fmt.Errorf("%s is rolling again", r.Ref())
}

func errManyItems(filename string) error { return fmt.Errorf("%s specifies multiple items", filename) }

func errEmptyFile(filename string) error {
	return fmt.Errorf("please make sure %s exists and is not empty", filename)
}

func errNoRC(filename, kind string) error {
	return fmt.Errorf("%s contains a %s not a ReplicationController", filename, kind)
}

func errNotReviewed(name string) error {
	return fmt.Errorf("rcroll does not roll rc/%s: this edit would change its template at once, and replace no pods; nothing was changed. "+
		"Ask the administrator to install rcroll, or remove the opt-out: %s=false as an annotation of rc/%s or a label of its namespace", name, api.EnabledKey, name)
}

func errNoChange(name string) error {
	return fmt.Errorf("the cluster would keep the template of rc/%s as it is, by what else changes objects on their way: nothing was changed", name)
}

func errFailed(r progress.Rollout) error { return fmt.Errorf("%s: %s", r.Ref(), r.Message) }

func errDeleted(ref string) error { return fmt.Errorf("%s was deleted", ref) }

func errCancelled(r progress.Rollout) error {
	return fmt.Errorf("%s: the rolling update was cancelled, and is rolled back to %s", r.Ref(), strings.Join(r.Live.DistinctImages(), ", "))
}

func errNotWhole(name string) error {
	return fmt.Errorf("not all pods of rc/%s are available after %s", name, renameTimeout)
}

func errNotGone(name string) error {
	return fmt.Errorf("rc/%s is being deleted and not gone after %s: see its finalizers", name, renameTimeout)
}

// errChanged is for a rollout that somebody else led elsewhere.
func errChanged(r progress.Rollout) error {
	return fmt.Errorf("%s: %s changed the rolling update, which now leads to %s", r.Ref(), r.RequestedBy, strings.Join(r.Requested.DistinctImages(), ", "))
}

func errNotCancelled(r progress.Rollout) error {
	return fmt.Errorf("%s: %s began another rolling update, to %s", r.Ref(), r.RequestedBy, strings.Join(r.Requested.DistinctImages(), ", "))
}

// goOn says what becomes of a rollout that nobody waits for any more.
func goOn(name, again string) string {
	return fmt.Sprintf("The rolling update of rc/%s goes on in the cluster. To follow it again: %s\nTo roll it back: kubectl rolling-update %s --rollback", name, again, name)
}

// goOnRenaming is the same of one that gets another name in the end, which the command does.
func goOnRenaming(name, newName, again string) string {
	return fmt.Sprintf("The rolling update of rc/%s goes on in the cluster, under that name. To follow it again, and have it become %s: %s\nTo roll it back: kubectl rolling-update %s %s --rollback",
		name, newName, again, name, newName)
}

// goOnRollback is the same of a rollback.
func goOnRollback(name string) string {
	return fmt.Sprintf("The rollback of rc/%s goes on in the cluster. To follow it: kubectl describe rc/%s", name, name)
}

func pausedNotice(name string) string {
	return fmt.Sprintf("rc/%s is paused; to resume it: kubectl annotate rc/%s %s-", name, name, api.PausedAnnotation)
}

func pausedAtStepNotice(r progress.Rollout) string {
	notice := fmt.Sprintf("%s is paused at %s", r.Ref(), r.StepText())
	switch {
	case r.Step == 0:
		notice += ": " + r.Message
	case r.NeedsApproval():
		notice += fmt.Sprintf("; to go on: kubectl annotate %s --overwrite %s=%s", r.Ref(), api.ApproveAnnotation, api.Approval{Hash: r.RequestedHash, Step: r.Step})
	}
	return notice
}

func keyNotice(key string) string {
	return fmt.Sprintf("--deployment-label-key=%s is ignored: the key is the one that rcroll was installed with", key)
}

func errTimedOut(waited time.Duration, r progress.Rollout) error {
	if r.Message == "" {
		return errTimeout
	}
	return fmt.Errorf("%w for %s: %s", errTimeout, waited, r.Message)
}

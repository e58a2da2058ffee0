package rcroll

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// underway is the reason of a rollout that goes on as it should.
const underway = rollout.ReasonUpdated

// What users read besides tables. testdata/messages.golden shows all errors.

var errInterrupted = errors.New("interrupted; the rolling update goes on in the cluster")

func errFailed(r progress.Rollout) error {
	return fmt.Errorf("%s: failed: %s", r.Ref(), r.Message)
}

func errRolledBack(r progress.Rollout) error {
	if r.Phase == progress.RolledBack {
		return fmt.Errorf("%s: %s", r.Ref(), r.Message)
	}
	return fmt.Errorf("%s: the rolling update was cancelled, and is rolled back to %s", r.Ref(), images(r.Live))
}

func errPaused(r progress.Rollout) error {
	if r.Phase == progress.PausedAtStep {
		return fmt.Errorf("%s: the rolling update is paused at %s; to approve it: kubectl rcroll approve %s", r.Ref(), r.StepText(), r.Name())
	}
	return fmt.Errorf("%s: the rolling update is paused; to resume it: kubectl rcroll resume %s", r.Ref(), r.Name())
}

func errNothingToApprove(r progress.Rollout) error {
	if text := r.StepText(); text != "" {
		return fmt.Errorf("%s: the rolling update is at %s, which is no pause that it has come to: there is nothing to approve yet", r.Ref(), text)
	}
	return fmt.Errorf("%s: no rolling update is paused at a step", r.Ref())
}

func errSuccessOn(value string) error {
	return fmt.Errorf("--success-on=%s: must be %q or %q", value, successOnDone, successOnPaused)
}

func errDeleted(ref string) error { return fmt.Errorf("%s was deleted", ref) }

func errNothingPending(ref string) error {
	return fmt.Errorf("%s: no rolling update is in progress", ref)
}

func errTooLate(ref string) error {
	return fmt.Errorf("%s: it already takes over its new pods, so that there is nothing left to abort: when it has, set the image that it had before", ref)
}

func errCannotRetry(r progress.Rollout) error {
	if r.Phase == progress.RolledBack {
		return fmt.Errorf("%s: the rolling update was rolled back, and what was requested is not kept: set the image again", r.Ref())
	}
	return fmt.Errorf("%s: no rolling update has failed", r.Ref())
}

func errNoHistory(ref string) error {
	return fmt.Errorf("%s: no rollout history found: it begins with the first rolling update", ref)
}

func errNoPrevious(ref string) error {
	return fmt.Errorf("%s: no revision to go back to: of no other one in the history all pods were available", ref)
}

func errNoRevision(ref string, number int64) error {
	return fmt.Errorf("%s: unable to find specified revision %d in history", ref, number)
}

// warnDeclared is for a change that somebody's manifest does not have.
func warnDeclared(ref string, managers []string) string {
	return fmt.Sprintf("%s: its images belong to %s, which will put back what its manifest says: change that as well", ref, strings.Join(managers, ", "))
}

func errNoContainer(ref, container string) error {
	return fmt.Errorf("%s: unable to find container named %q", ref, container)
}

func errAssignment(argument string) error {
	return fmt.Errorf("%q is no CONTAINER=IMAGE", argument)
}

func errOutput(format string) error {
	return fmt.Errorf("unable to match a printer suitable for the output format %q, allowed formats are: json, yaml, name, wide", format)
}

func errUnreviewed(ref string) error {
	return fmt.Errorf("%s: stored, but rcroll does not roll it: no pods are replaced; it is not installed, or %s=false is set", ref, api.EnabledKey)
}

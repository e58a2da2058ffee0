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

// errStepUnknown is for who may approve, but not read what. The agent's message says it.
func errStepUnknown(r progress.Rollout) error {
	return fmt.Errorf("%s: the rolling update is at %s: %s", r.Ref(), r.StepText(), r.Message)
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

func errConvertsLater(ref string) error {
	return fmt.Errorf("%s: a rolling update is in progress: convert it when that has ended", ref)
}

func errConvertOutput(format string) error {
	return fmt.Errorf("unable to match a printer suitable for the output format %q, allowed formats are: json, yaml", format)
}

// conversionSteps say how to get from the ReplicationController to the Deployment; lost are
// the settings that have no place there. Lines that begin with kubectl can be run as they are.
func conversionSteps(name string, lost []string) string {
	text := fmt.Sprintf(`# To get there without downtime. Until step 5 the pods are there twice, which quotas have to allow, and Services send
# to both, unless they select by the label with the hash of the template. No controller takes the pods of the other: those of the Deployment have the label pod-template-hash besides.
#
# 1. Save the Deployment, and put it where the manifest of the ReplicationController is kept:
kubectl rcroll convert %[1]s > %[1]s-deployment.yaml
# 2. Create it beside the ReplicationController. (The way back, up to step 4: kubectl delete deployment/%[1]s)
kubectl apply --validate=strict -f %[1]s-deployment.yaml
# 3. Wait for its pods:
kubectl rollout status deployment/%[1]s
# 4. Whatever names the ReplicationController is to name the Deployment instead: HorizontalPodAutoscalers, GitOps, scripts.
# 5. Stop the old pods. (The way back: scale it up again)
kubectl scale rc/%[1]s --replicas=0
# 6. When nobody misses it, delete it, and its history with it:
kubectl delete rc/%[1]s
#
# What differs then: every change of the pod template is rolled out, not only of images. Pods have another label
# (pod-template-hash), and names. rcroll has no part in it: kubectl rollout status, history, undo, pause and restart do.
`, name)
	if len(lost) > 0 {
		text += "# A Deployment has nothing like " + strings.Join(lost, ", ") + ".\n"
	}
	return text
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

package agent

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/history"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// What users read of the agent besides package rollout's messages.

// errWebhookMissing: a command was stored as it stands instead of being carried out.
var errWebhookMissing = errors.New("the command was not carried out: the rcroll webhook is not installed, does not select this namespace, or does not know this agent")

// verbs say in an error what was being done to a ReplicationController.
var verbs = map[rollout.ActionKind]string{
	rollout.CreateNewRC:   "create",
	rollout.ScaleOwned:    "scale",
	rollout.DeleteOwned:   "delete",
	rollout.OrphanPods:    "delete without its pods",
	rollout.AdoptPod:      "adopt a finished pod for",
	rollout.SendCommand:   "send a command to",
	rollout.SetConditions: "set the conditions of",
}

// historyVerbs say what was being done to a revision.
var historyVerbs = map[history.Kind]string{
	history.Create: "create",
	history.Update: "update",
	history.Delete: "delete",
}

func historyIncompleteMessage(err error) string {
	return fmt.Sprintf("The rollout goes on, but is missing in the history: %v", err)
}

func leftoverMessage(rc, left string) string {
	return fmt.Sprintf("The rolling update was ended where rcroll does not see to it: scale rc/%s to the number of pods that it is to have, and delete rc/%s", rc, left)
}

func podNotAdoptedMessage(pod string, err error) string {
	return fmt.Sprintf("finished pod %s has no controller, and stays when the ReplicationController is deleted: %v", pod, err)
}

func invalidRequestMessage(err error) string {
	return fmt.Sprintf("Annotation %s: %v: apply the manifest again", api.RequestAnnotation, err)
}

func overriddenMessage(o api.Overridden) string {
	return fmt.Sprintf("%s has overridden RolloutPolicy %s until %s", o.By, strings.Join(o.Policies, ", "), o.Until.UTC().Format(time.RFC3339))
}

func approvedMessage(step int, by string) string {
	return fmt.Sprintf("Step %d was approved by %s", step, by)
}

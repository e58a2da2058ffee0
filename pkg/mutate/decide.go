package mutate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rcroll/rcroll/pkg/api"
)

// Options are the facts about an installation that the rules need.
type Options struct {
	// HashLabelKey is the label that tells the pods of one template from others.
	HashLabelKey string

	// AgentUser and WebhookUser are rcroll's own user names.
	AgentUser   string
	WebhookUser string

	// AutoscalerUsers are the user names of autoscalers. They compute from the
	// live ReplicationController's share of the pods, so that while it is rolling
	// their scale-downs are not meant.
	AutoscalerUsers []string

	// DeclaredManagers are the field managers that send patches computed from a
	// whole manifest: what they send is all that they want.
	DeclaredManagers []string

	// AnyTemplateChange makes every change of the pod template a rollout, not
	// only that of an image.
	AnyTemplateChange bool
}

// DefaultAutoscalerUsers names the HorizontalPodAutoscaler's controller.
var DefaultAutoscalerUsers = []string{"system:serviceaccount:kube-system:horizontal-pod-autoscaler"}

// DefaultDeclaredManagers are the field managers of clients known to send
// patches that they computed from a whole manifest without server-side apply.
var DefaultDeclaredManagers = []string{
	"helm", "helm-controller", "argocd-controller", "argocd-application-controller",
	"Terraform", "terraform-provider-kubernetes", "HashiCorp", "pulumi-kubernetes", "kapp-server", "kustomize-controller",
}

// Write is one admission request for a ReplicationController.
type Write struct {
	// Old is the object before the write; nil when it is created.
	Old map[string]any

	// New is the object that the client asked for, as the API server decoded and
	// defaulted it, with field ownership already computed.
	New map[string]any

	// User is the authenticated user's name.
	User string

	// FieldManager is that of the write's options; the API server fills it in
	// from the user agent where the client gave none.
	FieldManager string
}

// Meaning says in one word how a write was understood.
type Meaning string

const (
	// Passes: stored as it was sent.
	Passes Meaning = "Passes"
	// Requests: recorded as the request of a new rollout.
	Requests Meaning = "Requests"
	// Retargets: the pending request was changed.
	Retargets Meaning = "Retargets"
	// Cancels: the request is now what is live already; the agent rolls back.
	Cancels Meaning = "Cancels"
	// Repeats: the request was pending already.
	Repeats Meaning = "Repeats"
	// Steps: a plan of the agent was carried out.
	Steps Meaning = "Steps"
	// Refused: see Decision.Refusal.
	Refused Meaning = "Refused"
)

// Decision is the answer to a Write.
type Decision struct {
	Meaning Meaning

	// Object is what is to be stored instead of Write.New; nil if refused.
	Object map[string]any

	// Refusal tells the user what is wrong, where, and what to do.
	Refusal error

	// Stale is set on the refusal of a plan that was made for an older state of
	// the object: observing again is the remedy.
	Stale bool

	// Warnings are for the user's terminal.
	Warnings []string

	// Validate is a request for a new template that the API server has not seen
	// yet; it must accept it as a ReplicationController before the decision holds.
	Validate api.Spec
}

// Decide tells what a write to a ReplicationController means.
func Decide(write Write, options Options) Decision {
	own := write.User == options.AgentUser || write.User == options.WebhookUser
	switch {
	case isForeign(write.New) && (write.Old == nil || isForeign(write.Old)):
		return passes(write.New)
	case write.Old == nil && own:
		return passes(write.New)
	case write.Old == nil:
		return create(write, options)
	case write.User == options.AgentUser:
		return agentUpdate(write, options)
	case own:
		return passes(write.New)
	case isOwned(write.Old):
		return refuseOwned(write.Old)
	}
	return userUpdate(write, options)
}

// create takes the traces of a rollout off an exported object that is created
// elsewhere: there is no rollout of it here.
func create(write Write, options Options) Decision {
	if err := cmp.Or(guardSettings(write), guardLabels(write)); err != nil {
		return Decision{Meaning: Refused, Refusal: err}
	}
	object := editable(write.New)
	for _, key := range reservedAnnotations {
		deleteEntry(object, "annotations", key)
	}
	deleteEntry(object, "labels", api.RollingLabel)
	spec := api.SpecOf(object)
	if spec.Marked() {
		setSpec(object, spec.Unlabelled(options.HashLabelKey))
	}
	return passes(object)
}

// agentUpdate carries out a plan. The agent writes the spec of nothing but next
// ReplicationControllers, for to write is to own: the user's next server-side
// apply would meet a conflict. Nor does it ever write a request: who did could roll
// out with the agent's token whatever they like.
func agentUpdate(write Write, options Options) Decision {
	text, planned := annotation(write.New, api.CommandAnnotation)
	switch {
	case isOwned(write.Old):
		return passes(write.New)
	case !sameEntry(write, "annotations", api.RequestAnnotation) || !sameEntry(write, "labels", api.RollingLabel):
		return refuse("%s: metadata: the agent writes a request by command only", name(write.New))
	case planned:
		return carryOut(write, text, options)
	case !api.SpecOf(write.Old).Equal(api.SpecOf(write.New)):
		return refuse("%s: spec: the agent changes it by plan only", name(write.New))
	}
	return passes(write.New)
}

func sameEntry(write Write, kind, key string) bool {
	return entries(write.Old, kind)[key] == entries(write.New, kind)[key]
}

// refuseOwned protects a next ReplicationController. What the garbage collector
// writes (finalizers, owner references) the webhook's matchConditions do not send.
func refuseOwned(next map[string]any) Decision {
	owner := "rc/" + controllerName(next)
	return refuse("%s is managed by rcroll for %s: edit %s instead", name(next), owner, owner)
}

func userUpdate(write Write, options Options) Decision {
	if err := cmp.Or(guardReserved(write), guardSettings(write), guardLabels(write)); err != nil {
		return Decision{Meaning: Refused, Refusal: err}
	}
	if optedOut(write) {
		return passes(write.New)
	}
	text, pending := annotation(write.Old, api.RequestAnnotation)
	if !pending {
		return request(write, options)
	}
	current, err := api.ParseSpec(text)
	if err != nil {
		return refuse("%s: metadata.annotations[%s]: %v: nothing can be added to it; remove the annotation (kubectl annotate %s %s-) to cancel the rollout",
			name(write.Old), api.RequestAnnotation, err, name(write.Old), api.RequestAnnotation)
	}
	return amend(write, current, options)
}

// optedOut tells whether the object opted out and no rollout is under way; one
// that is goes on to its end.
func optedOut(write Write) bool {
	_, pending := annotation(write.Old, api.RequestAnnotation)
	value, _ := annotation(write.New, api.EnabledKey)
	return value == "false" && !pending
}

func passes(object map[string]any) Decision {
	return Decision{Meaning: Passes, Object: object}
}

func refuse(format string, args ...any) Decision {
	return Decision{Meaning: Refused, Refusal: fmt.Errorf(format, args...)}
}

func (o Options) isAutoscaler(user string) bool { return slices.Contains(o.AutoscalerUsers, user) }

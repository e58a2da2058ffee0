package mutate

import "slices"

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

	// DeclarativeManagers are the field managers that send patches computed from a
	// whole manifest: what they send is all that they want.
	DeclarativeManagers []string

	// Trigger is api.TriggerImage or api.TriggerTemplate: the change that asks for a
	// rollout where the ReplicationController does not say so itself.
	Trigger string

	// RestartAnnotations are the keys of annotations of the pod template by which users
	// ask for new pods, whatever the trigger.
	RestartAnnotations []string
}

// DefaultRestartAnnotations names the annotation that kubectl rollout restart sets.
var DefaultRestartAnnotations = []string{"kubectl.kubernetes.io/restartedAt"}

// DefaultAutoscalerUsers names the HorizontalPodAutoscaler's controller.
var DefaultAutoscalerUsers = []string{"system:serviceaccount:kube-system:horizontal-pod-autoscaler", "system:kube-controller-manager"}

// DefaultDeclarativeManagers are the field managers of clients known to send
// patches that they computed from a whole manifest without server-side apply.
var DefaultDeclarativeManagers = []string{
	"helm", "helm-controller", "argocd-controller", "argocd-application-controller",
	"Terraform", "terraform-provider-kubernetes", "HashiCorp", "pulumi-kubernetes", "kapp-server", "kustomize-controller",
}

func (o Options) isOwn(user string) bool { return user == o.AgentUser || user == o.WebhookUser }

func (o Options) isAutoscaler(user string) bool { return slices.Contains(o.AutoscalerUsers, user) }

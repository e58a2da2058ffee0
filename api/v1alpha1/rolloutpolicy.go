package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// RolloutPolicy decides how the ReplicationControllers that it selects roll, whatever
// their owners' pipelines send. Defaults are those of one policy: of those that select a
// ReplicationController, the one of the highest priority. Everything else restricts, and
// the restrictions of all policies that select it hold together. A cancel and a rollback
// are never held up by any of them.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=rop,categories=rcroll
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Priority",type=integer,JSONPath=`.spec.priority`
// +kubebuilder:printcolumn:name="Frozen",type=boolean,JSONPath=`.status.frozen`
// +kubebuilder:printcolumn:name="In Flight",type=integer,JSONPath=`.status.inFlight`
// +kubebuilder:printcolumn:name="Queued",type=integer,JSONPath=`.status.queued`
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=`.spec.frozen.reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type RolloutPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the policy says.
	// +required
	Spec RolloutPolicySpec `json:"spec"`

	// What rcroll's agent makes of it. Written by rcroll only.
	// +optional
	Status RolloutPolicyStatus `json:"status,omitempty"`
}

// RolloutPolicyList is a list of policies.
//
// +kubebuilder:object:root=true
type RolloutPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RolloutPolicy `json:"items"`
}

// RolloutPolicySpec is what a policy says.
//
// +kubebuilder:validation:XValidation:rule="!has(self.onClose) || has(self.windows)",message="onClose needs windows that can close"
type RolloutPolicySpec struct {
	// Selects namespaces by their labels; all, if left out.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// Selects ReplicationControllers by their labels; all, if left out.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// Of several policies that select a ReplicationController, the defaults are those of the
	// one of the highest priority, and among those of equal priority of the first by name. A
	// policy without defaults does not count. The priority means nothing to restrictions.
	// +optional
	// +kubebuilder:default=0
	Priority int32 `json:"priority,omitempty"`

	// How a ReplicationController rolls that does not say so itself by annotations.
	// +optional
	Defaults *RolloutDefaults `json:"defaults,omitempty"`

	// Bounds of what owners may set by annotations. An annotation beyond them is refused. One
	// that was set before the policy counts as the bound.
	// +optional
	Limits *RolloutLimits `json:"limits,omitempty"`

	// While this is set, no rollout begins and none that is in progress goes on, except for a
	// promotion that has begun. Requests are recorded, and begin when it is removed.
	// +optional
	Frozen *Freeze `json:"frozen,omitempty"`

	// When rollouts may begin: within one of the Allow windows, if there are any, and outside
	// of all Deny windows.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	Windows []Window `json:"windows,omitempty"`

	// What becomes of a rollout in progress when the windows close: Finish (the default) lets
	// it go on to its end, Hold keeps it where it is until they open.
	// +optional
	OnClose OnClose `json:"onClose,omitempty"`

	// How many of the selected ReplicationControllers may roll at once. The others wait, and
	// begin in the order of their requests.
	// +optional
	// +kubebuilder:validation:Minimum=1
	MaxConcurrentRollouts *int32 `json:"maxConcurrentRollouts,omitempty"`

	// What may be rolled out.
	// +optional
	Images *AllowedImages `json:"images,omitempty"`
}

// RolloutDefaults are the settings of ReplicationControllers that have no annotation.
//
// +kubebuilder:validation:XValidation:rule="!has(self.minReadySeconds) || self.minReadySeconds < (has(self.progressDeadline) ? duration(self.progressDeadline).getSeconds() : 600)",message="minReadySeconds must be less than progressDeadline, which is 10m by default: otherwise every rollout fails"
// +kubebuilder:validation:XValidation:rule="!has(self.maxSurge) || string(self.maxSurge) != '0' && string(self.maxSurge) != '0%' || has(self.maxUnavailable) && string(self.maxUnavailable) != '0' && string(self.maxUnavailable) != '0%'",message="maxUnavailable must be more than 0 if maxSurge is 0: otherwise no pod can be replaced"
type RolloutDefaults struct {
	// Which change of the spec asks for a rollout: Image, Template (any change of the pod
	// template) or None. Default of the annotation rcroll.dev/trigger.
	// +optional
	Trigger Trigger `json:"trigger,omitempty"`

	// Pods that may exist above the desired ones: a number, or a percentage rounded up.
	// Default of the annotation rcroll.dev/max-surge.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 && self <= 1000000 : self.matches('^(1000|[0-9]{1,3})%$')",message="must be a number of pods from 0 to 1000000, or a percentage from 0% to 1000%"
	MaxSurge *intstr.IntOrString `json:"maxSurge,omitempty"`

	// Pods that may be unavailable: a number, or a percentage rounded down. Default of the
	// annotation rcroll.dev/max-unavailable.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 && self <= 1000000 : self.matches('^(100|[0-9]{1,2})%$')",message="must be a number of pods from 0 to 1000000, or a percentage from 0% to 100%"
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// The least time between two scale-ups, such as 30s. Default of the annotation
	// rcroll.dev/update-period.
	// +optional
	UpdatePeriod *Duration `json:"updatePeriod,omitempty"`

	// How long a new pod must be ready before it counts as available, while the rollout lasts.
	// Default of spec.minReadySeconds, where that is 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	MinReadySeconds *int32 `json:"minReadySeconds,omitempty"`

	// How long a rollout may make no progress before it counts as failed, such as 10m.
	// Default of the annotation rcroll.dev/progress-deadline.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s')",message="must be at least 1s"
	ProgressDeadline *Duration `json:"progressDeadline,omitempty"`

	// What becomes of a rollout that failed: Hold or Rollback. Default of the annotation
	// rcroll.dev/on-failure.
	// +optional
	OnFailure OnFailure `json:"onFailure,omitempty"`

	// Sizes to which a rollout grows, and pauses between them. Default of the annotation
	// rcroll.dev/steps, which has them as "1,pause,50%,pause=10m".
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:XValidation:rule="self.filter(s, has(s.replicas)).map(s, s.replicas).isSorted() && self.all(s, !has(s.replicas) || self.exists_one(t, has(t.replicas) && t.replicas == s.replicas))",message="replicas must increase from step to step"
	// +kubebuilder:validation:XValidation:rule="self.filter(s, has(s.percent)).map(s, s.percent).isSorted() && self.all(s, !has(s.percent) || self.exists_one(t, has(t.percent) && t.percent == s.percent))",message="percent must increase from step to step"
	// +listType=atomic
	Steps []Step `json:"steps,omitempty"`
}

// Step is one of a rollout in steps: it grows to a size, or pauses.
//
// +kubebuilder:validation:XValidation:rule="[has(self.replicas), has(self.percent), has(self.pause)].exists_one(x, x)",message="must have exactly one of replicas, percent and pause"
type Step struct {
	// Grow to that many new pods.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Replicas *int32 `json:"replicas,omitempty"`

	// Grow to that percentage of the desired pods, rounded up.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Percent *int32 `json:"percent,omitempty"`

	// Wait: {} until the step is approved.
	// +optional
	Pause *Pause `json:"pause,omitempty"`
}

// Pause keeps a rollout at the size that it has.
type Pause struct {
	// How long, such as 10m, unless the step is approved before; until it is approved, if left
	// out.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s')",message="must be at least 1s"
	Duration *Duration `json:"duration,omitempty"`
}

// RolloutLimits bound the settings.
//
// +kubebuilder:validation:XValidation:rule="!has(self.maxSurge) || !has(self.maxUnavailable) || string(self.maxSurge) != '0' && string(self.maxSurge) != '0%' || string(self.maxUnavailable) != '0' && string(self.maxUnavailable) != '0%'",message="maxSurge and maxUnavailable must not both be 0: otherwise no pod can be replaced"
type RolloutLimits struct {
	// The most that rcroll.dev/max-surge may say.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 && self <= 1000000 : self.matches('^(1000|[0-9]{1,3})%$')",message="must be a number of pods from 0 to 1000000, or a percentage from 0% to 1000%"
	MaxSurge *intstr.IntOrString `json:"maxSurge,omitempty"`

	// The most that rcroll.dev/max-unavailable may say.
	// +optional
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 && self <= 1000000 : self.matches('^(100|[0-9]{1,2})%$')",message="must be a number of pods from 0 to 1000000, or a percentage from 0% to 100%"
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	// The least that rcroll.dev/update-period may say.
	// +optional
	MinUpdatePeriod *Duration `json:"minUpdatePeriod,omitempty"`

	// The most that rcroll.dev/progress-deadline may say.
	// +optional
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s')",message="must be at least 1s"
	MaxProgressDeadline *Duration `json:"maxProgressDeadline,omitempty"`
}

// Duration is a Go duration, such as 1m30s.
//
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:Pattern=`^([0-9]+(ms|s|m|h))+$`
// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('8760h')",message="must be at most 8760h"
type Duration string

// Trigger is which change asks for a rollout.
//
// +kubebuilder:validation:Enum=Image;Template;None
type Trigger string

const (
	// TriggerImage: another image of a container or init container.
	TriggerImage Trigger = "Image"

	// TriggerTemplate: any change of the pod template.
	TriggerTemplate Trigger = "Template"

	// TriggerNone: no change. Edits are stored as without rcroll.
	TriggerNone Trigger = "None"
)

// OnFailure is what becomes of a rollout that failed.
//
// +kubebuilder:validation:Enum=Hold;Rollback
type OnFailure string

const (
	// Hold leaves it where it is.
	Hold OnFailure = "Hold"

	// Rollback cancels it.
	Rollback OnFailure = "Rollback"
)

// OnClose is what becomes of a rollout in progress when the windows close.
//
// +kubebuilder:validation:Enum=Finish;Hold
type OnClose string

const (
	// OnCloseFinish lets it go on to its end.
	OnCloseFinish OnClose = "Finish"

	// OnCloseHold keeps it where it is until they open.
	OnCloseHold OnClose = "Hold"
)

// Freeze holds rollouts.
type Freeze struct {
	// Why, for those whose rollouts wait: they read it in conditions and warnings.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason"`
}

// AllowedImages says what may be rolled out.
//
// +kubebuilder:validation:XValidation:rule="has(self.prefixes) || has(self.rule)",message="needs prefixes or a rule"
type AllowedImages struct {
	// Every image of the requested pod template must begin with one of these, such as
	// registry.example.com/. End it with a slash: registry.example.co is also how
	// registry.example.com begins.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +listType=set
	Prefixes []string `json:"prefixes,omitempty"`

	// A CEL expression that must be true. Its variables are template, the requested pod
	// template, and images, the list of all images in it:
	// images.all(i, i.contains('@sha256:')). With one that does not compile the policy is not
	// accepted, and nothing may be rolled out.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Rule string `json:"rule,omitempty"`

	// What owners read whose images are not allowed, such as where to find those that are.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}

// Accepted is the condition that tells whether rcroll understands all of a policy. What it
// does not understand counts as the strictest that it could mean.
const Accepted = "Accepted"

// RolloutPolicyStatus is what the agent makes of a policy.
type RolloutPolicyStatus struct {
	// The generation that the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Accepted is True, or False with what is wrong.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Whether the policy freezes what it selects.
	// +optional
	Frozen bool `json:"frozen"`

	// Requested rollouts of ReplicationControllers that it selects.
	// +optional
	Matched int32 `json:"matched"`

	// Of those, the ones that have begun.
	// +optional
	InFlight int32 `json:"inFlight"`

	// Of those, the ones that any policy keeps waiting.
	// +optional
	Queued int32 `json:"queued"`
}

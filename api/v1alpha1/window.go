package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Window is a time that recurs every week (days, start, end and timeZone), or one that
// does not (from and until).
//
// +kubebuilder:validation:XValidation:rule="!(has(self.from) || has(self.until)) || !(has(self.days) || has(self.start) || has(self.end) || has(self.timeZone))",message="from and until are for a window that does not recur: use either them, or days, start, end and timeZone"
// +kubebuilder:validation:XValidation:rule="has(self.from) == has(self.until)",message="from and until belong together"
// +kubebuilder:validation:XValidation:rule="!has(self.from) || !has(self.until) || self.from < self.until",message="from must be before until"
type Window struct {
	// Allow: rollouts may begin within it. Deny: none may.
	// +required
	Kind WindowKind `json:"kind"`

	// The days on which it starts; every day, if left out.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=7
	// +listType=set
	Days []Day `json:"days,omitempty"`

	// When it starts on each of them, such as "09:00"; by default at the beginning of the day.
	// +optional
	// +kubebuilder:validation:Pattern=`^([01][0-9]|2[0-3]):[0-5][0-9]$`
	Start string `json:"start,omitempty"`

	// When it ends, such as "17:00"; by default at the end of the day. If that is not after
	// the start, it ends on the next day.
	// +optional
	// +kubebuilder:validation:Pattern=`^([01][0-9]|2[0-3]):[0-5][0-9]$`
	End string `json:"end,omitempty"`

	// The time zone of days, start and end, by its name in the IANA database, such as
	// Europe/Berlin; by default UTC. With one that is unknown the policy is not accepted, and
	// the time counts as denied.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TimeZone string `json:"timeZone,omitempty"`

	// When a window begins that does not recur.
	// +optional
	From *metav1.Time `json:"from,omitempty"`

	// When a window ends that does not recur.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`

	// Why, for those whose rollouts wait.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`
}

// WindowKind says whether rollouts may begin within a window, or may not.
//
// +kubebuilder:validation:Enum=Allow;Deny
type WindowKind string

const (
	// Allow: rollouts may begin within the window.
	Allow WindowKind = "Allow"

	// Deny: none may.
	Deny WindowKind = "Deny"
)

// Day is a day of the week.
//
// +kubebuilder:validation:Enum=Mon;Tue;Wed;Thu;Fri;Sat;Sun
type Day string

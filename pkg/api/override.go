package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// OverrideTime is how long an override holds.
const OverrideTime = time.Hour

// Overridden is the value of OverriddenAnnotation: who has overridden which policies, and
// until when.
type Overridden struct {
	Policies []string  `json:"policies"`
	By       string    `json:"by"`
	Until    time.Time `json:"until"`
}

// String is the value of the annotation.
func (o Overridden) String() string { return canonical(o) }

// ParseOverridden reads the value of the annotation.
func ParseOverridden(text string) (Overridden, error) {
	var o Overridden
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return Overridden{}, fmt.Errorf("not who has overridden which policies: %w", err)
	}
	return o, nil
}

// OverriddenPolicies are the policies that do not hold a rollout now; none if the annotation
// does not parse.
func OverriddenPolicies(annotations map[string]string, now time.Time) []string {
	var o Overridden
	if json.Unmarshal([]byte(annotations[OverriddenAnnotation]), &o) != nil || !now.Before(o.Until) {
		return nil
	}
	return o.Policies
}

// OverriddenUntil is when an override ends that holds now; zero if there is none.
func OverriddenUntil(annotations map[string]string, now time.Time) time.Time {
	var o Overridden
	if json.Unmarshal([]byte(annotations[OverriddenAnnotation]), &o) != nil || !now.Before(o.Until) {
		return time.Time{}
	}
	return o.Until
}

// OverrideNames are the policies that an override annotation names, each once.
func OverrideNames(text string) []string {
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

package api

import (
	"slices"
	"strings"
)

// Settings are the annotations that users set on a ReplicationController, in the
// order in which they are documented.
var Settings = []string{
	MaxSurgeAnnotation, MaxUnavailableAnnotation, UpdatePeriodAnnotation, ProgressDeadlineAnnotation, OnFailureAnnotation,
	StepsAnnotation, TriggerAnnotation, PausedAnnotation, OverrideAnnotation, EnabledKey,
}

var triggers = []string{TriggerImage, TriggerTemplate, TriggerNone}

// CheckSettings returns an error that names every setting among the annotations that
// is wrong, its value and what it may be: one that does not parse, two that contradict
// each other, or, of the keys that changed, one that rcroll does not know. Others that
// are unknown are left alone: a newer version may have written them.
func CheckSettings(annotations map[string]string, changed []string) error {
	_, problems := parseStrategy(annotations)
	// The webhook's matchConditions, too, know these two words only.
	if text, set := annotations[EnabledKey]; set && text != "true" && text != "false" {
		problems = append(problems, errChoice(EnabledKey, text, "true", "false"))
	}
	if text, set := annotations[TriggerAnnotation]; set && !slices.Contains(triggers, text) {
		problems = append(problems, errChoice(TriggerAnnotation, text, triggers...))
	}
	for _, key := range changed {
		if _, set := annotations[key]; set && strings.HasPrefix(key, Prefix) && !slices.Contains(Settings, key) {
			problems = append(problems, errUnknownSetting(key))
		}
	}
	return problems.ToAggregate()
}

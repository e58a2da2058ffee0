package api

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What users are told about the settings on their ReplicationControllers: by the
// webhook when it refuses them, and by the agent, in events and conditions, when it
// finds one that nobody refused. testdata/messages.golden shows them all.

func wantAmount(mostPercent int64) string {
	return fmt.Sprintf(`must be a number of pods from 0 to %d, such as "1", or a percentage from 0%% to %d%%, such as "25%%"`, maxPods, mostPercent)
}

func wantDuration(least time.Duration) string {
	return fmt.Sprintf(`must be a duration from %s to %dh, such as "10s" or "1m30s"`, least, maxDuration/time.Hour)
}

// errSetting says what the value of a setting must be.
func errSetting(key, value, want string) *field.Error {
	return field.Invalid(annotation(key), value, want+"; remove the annotation to use the default")
}

// errChoice lists the values that a setting may have.
func errChoice[T ~string](key, value string, choices ...T) *field.Error {
	return field.NotSupported(annotation(key), value, choices)
}

func errNoPodReplaceable(maxUnavailable string) *field.Error {
	return field.Invalid(annotation(MaxUnavailableAnnotation), maxUnavailable,
		fmt.Sprintf("must be more than 0 if %s is 0: otherwise no pod can be replaced", MaxSurgeAnnotation))
}

func errUnknownSetting(key string) *field.Error {
	return field.Forbidden(annotation(key), fmt.Sprintf("unknown setting: remove the annotation, or use one of %s", strings.Join(Settings, ", ")))
}

func annotation(key string) *field.Path { return field.NewPath("metadata", "annotations").Key(key) }

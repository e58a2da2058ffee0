package api

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What users are told about the settings on their ReplicationControllers: by the
// webhook when it refuses them, and by the agent, in events and conditions, when it
// finds one that nobody refused. testdata/messages.golden shows them all.

const (
	wantAmount           = `must be a number of pods, such as "1", or a percentage, such as "25%"`
	wantDuration         = `must be a duration, such as "10s" or "1m30s"`
	wantPositiveDuration = wantDuration + ", and more than 0"
)

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

package api

import (
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Strategy is how a rollout goes about replacing pods, read from the
// annotations of the ReplicationController.
type Strategy struct {
	MaxSurge       intstr.IntOrString
	MaxUnavailable intstr.IntOrString

	// SurgeLimits and UnavailableLimits bound them, by policies.
	SurgeLimits, UnavailableLimits []intstr.IntOrString

	// UpdatePeriod is the least time between two scale-ups of the new
	// ReplicationController, from 0 to maxDuration.
	UpdatePeriod time.Duration

	// ProgressDeadline is how long a rollout may make no progress before it counts
	// as failed, from minDeadline to maxDuration.
	ProgressDeadline time.Duration

	// OnFailure says what becomes of a rollout that failed.
	OnFailure OnFailure

	// Steps divide the rollout; empty if it is not divided.
	Steps []Step

	// Paused keeps the rollout where it is.
	Paused bool
}

// DefaultProgressDeadline is a Deployment's.
const DefaultProgressDeadline = 10 * time.Minute

// The ranges of the settings are wider than anybody needs, and so narrow that no sum
// of pods, and no time that is so far away, overflows.
const (
	maxPods             = 1_000_000
	maxSurgeShare       = 1_000 // per cent
	maxUnavailableShare = 100   // per cent: there are no more pods than there are
	minDeadline         = time.Second
	maxDuration         = 365 * 24 * time.Hour
)

// OnFailure is what becomes of a rollout that made no progress for too long.
type OnFailure string

const (
	// Hold leaves everything as it is: the old pods serve, and the rollout goes on by
	// itself when what it waits for happens after all.
	Hold OnFailure = "hold"

	// Rollback cancels the rollout.
	Rollback OnFailure = "rollback"
)

// ParseStrategy reads the strategy annotations. The defaults are those of
// kubectl rolling-update: one pod more than desired, none less. The error names
// every annotation that does not parse, what it says and what it may say.
func ParseStrategy(annotations map[string]string) (Strategy, error) {
	strategy, problems := parseStrategy(annotations)
	return strategy, problems.ToAggregate()
}

func parseStrategy(annotations map[string]string) (Strategy, field.ErrorList) {
	var problems field.ErrorList
	strategy := Strategy{
		MaxSurge:         parseAmount(annotations, MaxSurgeAnnotation, 1, maxSurgeShare, &problems),
		MaxUnavailable:   parseAmount(annotations, MaxUnavailableAnnotation, 0, maxUnavailableShare, &problems),
		UpdatePeriod:     parseDuration(annotations, UpdatePeriodAnnotation, 0, 0, &problems),
		ProgressDeadline: parseDuration(annotations, ProgressDeadlineAnnotation, DefaultProgressDeadline, minDeadline, &problems),
		OnFailure:        parseOnFailure(annotations, &problems),
		Steps:            parseSteps(annotations, &problems),
		Paused:           parseBool(annotations, PausedAnnotation, false, &problems),
	}
	if len(problems) == 0 && isZero(strategy.MaxSurge) && isZero(strategy.MaxUnavailable) {
		problems = append(problems, errNoPodReplaceable(strategy.MaxUnavailable.String()))
	}
	return strategy, problems
}

// Resolve turns the strategy's percentages into pods, as the Deployment
// controller does: surge rounds up, unavailable rounds down, and if both come
// to 0 one pod may be unavailable. E.g. 25%/25% of 10 desired pods: surge 3,
// unavailable 2; 1%/1% of 10: surge 1, unavailable 0; 0/5% of 10: 0 and 1. They
// are of 64 bits: 1000% of the pods may be more than 32 bits hold.
func (s Strategy) Resolve(desired int32) (maxSurge, maxUnavailable int64) {
	maxSurge = Pods(s.MaxSurge, desired, true)
	for _, limit := range s.SurgeLimits {
		maxSurge = min(maxSurge, Pods(limit, desired, true))
	}
	maxUnavailable = min(Pods(s.MaxUnavailable, desired, false), int64(desired))
	for _, limit := range s.UnavailableLimits {
		maxUnavailable = min(maxUnavailable, Pods(limit, desired, false))
	}
	if maxSurge == 0 && maxUnavailable == 0 {
		maxUnavailable = 1
	}
	return maxSurge, maxUnavailable
}

// Pods is a number of pods, or that of a percentage of the desired ones.
func Pods(amount intstr.IntOrString, desired int32, roundUp bool) int64 {
	n, err := intstr.GetScaledValueFromIntOrPercent(&amount, int(desired), roundUp)
	if err != nil {
		// ParseStrategy lets nothing else in, nor does the API server into policies.
		panic(err)
	}
	return int64(n)
}

func isZero(amount intstr.IntOrString) bool {
	return amount.String() == "0" || amount.String() == "0%"
}

func parseAmount(annotations map[string]string, key string, fallback int32, mostPercent int64, problems *field.ErrorList) intstr.IntOrString {
	text, ok := annotations[key]
	if !ok {
		return intstr.FromInt32(fallback)
	}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && 0 <= n && n <= maxPods {
		return intstr.FromInt32(int32(n))
	}
	if len(validation.IsValidPercent(text)) == 0 {
		percent, err := strconv.ParseInt(text[:len(text)-1], 10, 32)
		if err == nil && percent <= mostPercent {
			return intstr.FromString(strconv.FormatInt(percent, 10) + "%")
		}
	}
	*problems = append(*problems, errSetting(key, text, wantAmount(mostPercent)))
	return intstr.FromInt32(fallback)
}

func parseDuration(annotations map[string]string, key string, fallback, least time.Duration, problems *field.ErrorList) time.Duration {
	text, ok := annotations[key]
	if !ok {
		return fallback
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration < least || duration > maxDuration {
		*problems = append(*problems, errSetting(key, text, wantDuration(least)))
		return fallback
	}
	return duration
}

func parseOnFailure(annotations map[string]string, problems *field.ErrorList) OnFailure {
	text, ok := annotations[OnFailureAnnotation]
	switch value := OnFailure(text); {
	case !ok:
		return Hold
	case value == Hold, value == Rollback:
		return value
	}
	*problems = append(*problems, errChoice(OnFailureAnnotation, text, Hold, Rollback))
	return Hold
}

func parseSteps(annotations map[string]string, problems *field.ErrorList) []Step {
	text, ok := annotations[StepsAnnotation]
	if !ok {
		return nil
	}
	steps, err := ParseSteps(text)
	if err != nil {
		*problems = append(*problems, errSetting(StepsAnnotation, text, err.Error()))
		return nil
	}
	return steps
}

func parseBool(annotations map[string]string, key string, fallback bool, problems *field.ErrorList) bool {
	text, ok := annotations[key]
	if !ok {
		return fallback
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		*problems = append(*problems, errChoice(key, text, "true", "false"))
		return fallback
	}
	return value
}

package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
)

// defaults are those given if they are valid, which the API server sees to; none otherwise.
func defaults(given *v1alpha1.RolloutDefaults, path *field.Path, problems *field.ErrorList) *v1alpha1.RolloutDefaults {
	if given == nil {
		return nil
	}
	if err := api.CheckSettings(asAnnotations(*given), nil); err != nil {
		*problems = append(*problems, field.Invalid(path, "", err.Error()))
		return nil
	}
	return given
}

// limits are those given. In place of one that is not valid, which the API server sees to,
// there is the strictest.
func limits(given *v1alpha1.RolloutLimits, path *field.Path, problems *field.ErrorList) *v1alpha1.RolloutLimits {
	if given == nil {
		return nil
	}
	out := given.DeepCopy()
	for name, amount := range map[string]*intstr.IntOrString{"maxSurge": out.MaxSurge, "maxUnavailable": out.MaxUnavailable} {
		if amount == nil {
			continue
		}
		if _, err := intstr.GetScaledValueFromIntOrPercent(amount, 1, true); err != nil || amount.IntVal < 0 {
			*problems = append(*problems, field.Invalid(path.Child(name), amount.String(), "must be a number of pods or a percentage"))
			*amount = intstr.FromInt32(0)
		}
	}
	return out
}

// Defaults are those of the policy of highest precedence that has any, as the annotations
// that say the same, and its name; nil and empty if none has.
func (e Effective) Defaults() (annotations map[string]string, from string) {
	if p := e.withDefaults(); p != nil {
		return asAnnotations(*p.spec.Defaults), p.Name
	}
	return nil, ""
}

// withDefaults is the policy of highest precedence that has defaults; nil if none has.
func (e Effective) withDefaults() *Policy {
	for _, p := range e {
		if p.spec.Defaults != nil {
			return p
		}
	}
	return nil
}

func asAnnotations(d v1alpha1.RolloutDefaults) map[string]string {
	out := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			out[key] = value
		}
	}
	setAmount := func(key string, amount *intstr.IntOrString) {
		if amount != nil {
			out[key] = amount.String()
		}
	}
	setDuration := func(key string, duration *v1alpha1.Duration) {
		if duration != nil {
			out[key] = string(*duration)
		}
	}
	set(api.TriggerAnnotation, strings.ToLower(string(d.Trigger)))
	set(api.OnFailureAnnotation, strings.ToLower(string(d.OnFailure)))
	setAmount(api.MaxSurgeAnnotation, d.MaxSurge)
	setAmount(api.MaxUnavailableAnnotation, d.MaxUnavailable)
	setDuration(api.UpdatePeriodAnnotation, d.UpdatePeriod)
	setDuration(api.ProgressDeadlineAnnotation, d.ProgressDeadline)
	set(api.StepsAnnotation, api.FormatSteps(steps(d.Steps)))
	return out
}

// steps are those of a policy as the annotation has them. What the API server would refuse
// becomes what the annotation refuses, too.
func steps(given []v1alpha1.Step) []api.Step {
	out := make([]api.Step, 0, len(given))
	for _, s := range given {
		switch {
		case s.Pause != nil && s.Pause.Duration != nil:
			out = append(out, api.Step{Pause: true, Duration: duration(*s.Pause.Duration)})
		case s.Pause != nil:
			out = append(out, api.Step{Pause: true})
		case s.Percent != nil:
			out = append(out, api.Step{Size: intstr.FromString(strconv.FormatInt(int64(*s.Percent), 10) + "%")})
		default:
			out = append(out, api.Step{Size: intstr.FromInt32(ptr.Deref(s.Replicas, -1))})
		}
	}
	return out
}

// Settings are the annotations of a ReplicationController, with the defaults where it says
// nothing. A default that would leave no pod to replace beside what the owner says is not
// used: the owner's word goes before it.
func (e Effective) Settings(annotations map[string]string) map[string]string {
	defaults, _ := e.Defaults()
	if len(defaults) == 0 {
		return annotations
	}
	out := maps.Clone(defaults)
	maps.Copy(out, annotations)
	for own, other := range map[string]string{api.MaxSurgeAnnotation: api.MaxUnavailableAnnotation, api.MaxUnavailableAnnotation: api.MaxSurgeAnnotation} {
		if _, isOwn := annotations[other]; !isOwn && isZero(annotations[own]) && isZero(defaults[other]) {
			delete(out, other)
		}
	}
	return out
}

// StepsFrom names the policy whose steps divide a rollout; empty if the annotations have steps,
// or no policy has.
func (e Effective) StepsFrom(annotations map[string]string) string {
	defaults, from := e.Defaults()
	_, own := annotations[api.StepsAnnotation]
	if own || defaults[api.StepsAnnotation] == "" {
		return ""
	}
	return from
}

// MinReadySeconds is how long a pod of the new ReplicationController must be ready to be
// available, of a request that asks for own: 0 is what it has where nobody said anything, so
// that it is not told from what was not said.
//
// It is the spec of the new ReplicationController that gets it, and kube-controller-manager
// that counts. The user's own never does: what the user applies stays what is stored, and pods
// that come back in a rollback are as good as they were.
func (e Effective) MinReadySeconds(own int32) int32 {
	p := e.withDefaults()
	if own != 0 || p == nil {
		return own
	}
	return max(0, ptr.Deref(p.spec.Defaults.MinReadySeconds, 0))
}

// isZero reports whether an amount is 0 or 0%, with as many digits as anybody writes.
func isZero(amount string) bool {
	return amount != "" && strings.Trim(strings.TrimSuffix(amount, "%"), "0") == ""
}

// Bound returns the strategy within the limits. What was set before the policy was made
// counts as what may be set.
func (e Effective) Bound(strategy api.Strategy) api.Strategy {
	for _, p := range e {
		limits := p.spec.Limits
		if limits == nil {
			continue
		}
		if limits.MaxSurge != nil {
			strategy.SurgeLimits = append(slices.Clip(strategy.SurgeLimits), *limits.MaxSurge)
		}
		if limits.MaxUnavailable != nil {
			strategy.UnavailableLimits = append(slices.Clip(strategy.UnavailableLimits), *limits.MaxUnavailable)
		}
		if limits.MinUpdatePeriod != nil {
			strategy.UpdatePeriod = max(strategy.UpdatePeriod, duration(*limits.MinUpdatePeriod))
		}
		if limits.MaxProgressDeadline != nil {
			strategy.ProgressDeadline = min(strategy.ProgressDeadline, duration(*limits.MaxProgressDeadline))
		}
	}
	return strategy
}

// duration is 0 for one that the API server would refuse.
func duration(text v1alpha1.Duration) time.Duration {
	d, _ := time.ParseDuration(string(text))
	return d
}

// CheckSettings returns an error that names every setting that changed and is beyond the
// limits, in the name of the policy. Percentages and numbers of pods are compared for the
// desired replicas. Annotations that do not parse are not this function's to refuse.
func (e Effective) CheckSettings(annotations map[string]string, changed []string, desired int32) error {
	own := map[string]string{}
	for _, key := range changed {
		if value, set := annotations[key]; set {
			own[key] = value
		}
	}
	strategy, err := api.ParseStrategy(annotations)
	if err != nil || len(own) == 0 {
		return nil
	}
	var problems field.ErrorList
	check := func(name, key, bound, limit string, beyond bool) {
		if value, set := own[key]; set && beyond {
			problems = append(problems, errLimit(name, key, value, bound, limit))
		}
	}
	for _, p := range e {
		if limits := p.spec.Limits; limits != nil {
			if most := limits.MaxSurge; most != nil {
				check(p.Name, api.MaxSurgeAnnotation, "at most", most.String(), isMore(strategy.MaxSurge, *most, desired, true))
			}
			if most := limits.MaxUnavailable; most != nil {
				check(p.Name, api.MaxUnavailableAnnotation, "at most", most.String(), isMore(strategy.MaxUnavailable, *most, desired, false))
			}
			if least := limits.MinUpdatePeriod; least != nil {
				check(p.Name, api.UpdatePeriodAnnotation, "at least", string(*least), strategy.UpdatePeriod < duration(*least))
			}
			if most := limits.MaxProgressDeadline; most != nil {
				check(p.Name, api.ProgressDeadlineAnnotation, "at most", string(*most), strategy.ProgressDeadline > duration(*most))
			}
		}
	}
	return problems.ToAggregate()
}

// isMore compares two numbers or two percentages as they are, and one with the other for the
// desired replicas.
func isMore(amount, limit intstr.IntOrString, desired int32, roundUp bool) bool {
	if amount.Type == limit.Type {
		desired = 100
	}
	return api.Pods(amount, desired, roundUp) > api.Pods(limit, desired, roundUp)
}

package mutate

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
)

// Overrides are the policies that a write asks to override. Whether its user may has to be
// found out first (Write.MayOverride).
func Overrides(write Write) []string {
	if write.Old == nil || !write.setsAnnotation(api.OverrideAnnotation) {
		return nil
	}
	names, _ := annotation(write.New, api.OverrideAnnotation)
	return api.OverrideNames(names)
}

// guardOverride refuses to override what the user may not, or what is not there.
func guardOverride(write Write) error {
	for _, policyName := range Overrides(write) {
		if !slices.ContainsFunc(write.Policies, func(p *policy.Policy) bool { return p.Name == policyName }) {
			return about(name(write.New), policy.ErrNoPolicy(policyName, write.Policies.Names()))
		}
		if !slices.Contains(write.MayOverride, policyName) {
			return about(name(write.New), policy.ErrOverride(policyName))
		}
	}
	return nil
}

// Approves names the policy of whose steps a write approves one; empty if it approves none, or
// one of the ReplicationController's own. Whether its user may has to be found out first
// (Write.MayApprove).
func Approves(write Write) string {
	if write.Old == nil || !write.setsAnnotation(api.ApproveAnnotation) {
		return ""
	}
	return write.Policies.StepsFrom(write.New.GetAnnotations())
}

// recordOverride notes in what is to be stored who has overridden which policies, and until
// when; or that nobody does any longer.
func recordOverride(write Write, decision Decision) Decision {
	if decision.Object == nil {
		return decision
	}
	names := Overrides(write)
	before, had := annotation(write.Old, api.OverrideAnnotation)
	if after, has := annotation(decision.Object, api.OverrideAnnotation); len(names) == 0 && (!had || has && before == after) {
		return warnExpired(write, decision)
	}
	decision.Object = shallowCopy(decision.Object)
	if len(names) == 0 {
		removeAnnotations(decision.Object, api.OverriddenAnnotation)
		return decision
	}
	overridden := api.Overridden{Policies: names, By: write.User, Until: write.Time.UTC().Add(api.OverrideTime)}
	setAnnotation(decision.Object, api.OverriddenAnnotation, overridden.String())
	decision.Warnings = append(decision.Warnings, warnOverridden(name(write.New), names, overridden.Until))
	return decision
}

// warnExpired tells who repeats an override that it changes nothing: it is over.
func warnExpired(write Write, decision Decision) Decision {
	text, has := annotation(write.New, api.OverrideAnnotation)
	isOver := has && len(api.OverriddenPolicies(write.New.GetAnnotations(), write.Time)) == 0
	if isOver && decision.Meaning == Repeats {
		decision.Warnings = append(decision.Warnings, warnOverrideIsOver(name(write.New), text))
	}
	return decision
}

// endOverride takes away the override of a rollout that somebody else leads elsewhere: it was
// for what was requested then.
func endOverride(object *unstructured.Unstructured, write Write) {
	overridden, err := api.ParseOverridden(object.GetAnnotations()[api.OverriddenAnnotation])
	if err == nil && overridden.By != write.User && !write.setsAnnotation(api.OverrideAnnotation) {
		removeAnnotations(object, api.OverrideAnnotation, api.OverriddenAnnotation)
	}
}

// guardLimits refuses settings that this write adds or changes beyond what policies allow.
func guardLimits(write Write) error {
	if len(write.Policies) == 0 {
		return nil
	}
	annotations := write.annotations()
	changed := slices.DeleteFunc(annotations.changed(), isReserved)
	replicas := api.SpecOf(write.New).Replicas()
	if request, err := api.ParseSpec(annotations.after[api.RequestAnnotation]); err == nil {
		replicas = request.Replicas()
	}
	if err := write.Policies.CheckSettings(annotations.after, changed, replicas); err != nil {
		return about(name(write.New), err)
	}
	return nil
}

// guardImages refuses a template that policies do not allow to roll out, unless it is that
// of the other spec, of which was decided before.
func guardImages(write Write, wanted, before api.Spec, key string) error {
	if len(write.Policies) == 0 || wanted.SameTemplate(before, key) {
		return nil
	}
	if err := write.Policies.CheckImages(wanted); err != nil {
		return about(name(write.New), err)
	}
	return nil
}

// trigger is the change that asks for a rollout: by annotation, by policy, or by option.
func trigger(write Write, options Options) string {
	if value, found := write.Policies.Settings(write.New.GetAnnotations())[api.TriggerAnnotation]; found {
		return value
	}
	return options.Trigger
}

// warnHolds say why a request does not begin at once, and when it will. Of one that was
// pending before, it may have begun.
func warnHolds(write Write, recorded *unstructured.Unstructured, meaning Meaning) []string {
	if len(write.Policies) == 0 {
		return nil
	}
	overridden := api.OverriddenPolicies(recorded.GetAnnotations(), write.Time)
	if may := Overrides(write); len(may) > 0 {
		overridden = may // recordOverride has the last word, and it is this one.
	}
	if hold := write.Policies.Hold(write.Time, meaning == Retargets, overridden); hold != nil {
		return []string{warnHeld(name(write.Old), hold.Message)}
	}
	if meaning != Requests {
		return nil
	}
	if message := write.Policies.TurnMessage(overridden); message != "" {
		return []string{warnTurn(name(write.Old), message)}
	}
	return nil
}

package policy

import (
	"fmt"
	"strings"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
)

// Explain says in one line each what the policy contributes: its defaults, if they are the
// ones in force, and what it restricts.
func (p *Policy) Explain(defaults bool) []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if p.Problem != nil {
		say("not accepted: %v", p.Problem)
	}
	if p.spec.Defaults != nil {
		effect := "defaults (another policy goes before)"
		if defaults {
			effect = "defaults"
		}
		say("%s: %s", effect, defaultsListed(*p.spec.Defaults))
	}
	if limits := p.spec.Limits; limits != nil {
		say("limits: %s", strings.Join(limitsListed(p), ", "))
	}
	if p.spec.Frozen != nil {
		say("frozen: %s", p.spec.Frozen.Reason)
	}
	for _, w := range p.spec.Windows {
		text := strings.TrimSpace(fmt.Sprintf("%s %v %s-%s %s", w.Kind, w.Days, w.Start, w.End, w.TimeZone))
		if w.From != nil && w.Until != nil {
			text = fmt.Sprintf("%s from %s until %s", w.Kind, w.From.UTC().Format("2006-01-02T15:04Z"), w.Until.UTC().Format("2006-01-02T15:04Z"))
		}
		say("window: %s", text)
	}
	if p.spec.MaxConcurrentRollouts != nil {
		say("at once: %d", *p.spec.MaxConcurrentRollouts)
	}
	if images := p.spec.Images; images != nil {
		say("images: %s", strings.TrimSpace(strings.Join(images.Prefixes, " or ")+" "+images.Rule))
	}
	return lines
}

func defaultsListed(defaults v1alpha1.RolloutDefaults) string {
	text := listed(asAnnotations(defaults))
	if seconds := defaults.MinReadySeconds; seconds != nil {
		text = strings.TrimPrefix(fmt.Sprintf("%s, minReadySeconds=%d", text, *seconds), ", ")
	}
	return text
}

// listed are settings in the order in which they are documented.
func listed(annotations map[string]string) string {
	var parts []string
	for _, key := range api.Settings {
		if value, set := annotations[key]; set {
			parts = append(parts, strings.TrimPrefix(key, api.Prefix)+"="+value)
		}
	}
	return strings.Join(parts, ", ")
}

func limitsListed(p *Policy) []string {
	var parts []string
	limits := p.spec.Limits
	if limits.MaxSurge != nil {
		parts = append(parts, "max-surge at most "+limits.MaxSurge.String())
	}
	if limits.MaxUnavailable != nil {
		parts = append(parts, "max-unavailable at most "+limits.MaxUnavailable.String())
	}
	if limits.MinUpdatePeriod != nil {
		parts = append(parts, "update-period at least "+string(*limits.MinUpdatePeriod))
	}
	if limits.MaxProgressDeadline != nil {
		parts = append(parts, "progress-deadline at most "+string(*limits.MaxProgressDeadline))
	}
	return parts
}

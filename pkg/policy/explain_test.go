package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestExplain(t *testing.T) {
	set := policies(t, map[string]string{
		"production": `{priority: 1, defaults: {maxSurge: 1, trigger: Template}, limits: {maxSurge: 25%, maxUnavailable: 0, minUpdatePeriod: 1s, maxProgressDeadline: 10m},
			windows: [{kind: Allow, days: [Mon, Tue], start: "09:00", end: "16:00", timeZone: Europe/Berlin}, {kind: Deny, from: "2026-12-18T00:00:00Z", until: "2027-01-04T00:00:00Z"}],
			maxConcurrentRollouts: 3, images: {prefixes: [a/, b/]}}`,
		"freeze": `{frozen: {reason: incident}, defaults: {onFailure: Rollback}, windows: [{kind: Deny, timeZone: Mars}]}`,
	})
	assert.Equal(t, []string{
		"defaults: max-surge=1, trigger=template",
		"limits: max-surge at most 25%, max-unavailable at most 0, update-period at least 1s, progress-deadline at most 10m",
		"window: Allow [Mon Tue] 09:00-16:00 Europe/Berlin",
		"window: Deny from 2026-12-18T00:00Z until 2027-01-04T00:00Z",
		"at once: 3",
		"images: a/ or b/",
	}, set.Named("production").Explain(true))
	lines := set.Named("freeze").Explain(false)
	assert.Contains(t, lines[0], "not accepted: spec.windows[0].timeZone")
	assert.Equal(t, []string{"defaults (another policy goes before): on-failure=rollback", "frozen: incident"}, lines[1:3])
}

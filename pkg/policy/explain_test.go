package policy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/api/v1alpha1"
)

func TestExplain(t *testing.T) {
	set := policies(t, map[string]string{
		"production": `{priority: 1, defaults: {maxSurge: 1, trigger: Template}, limits: {maxSurge: 25%, maxUnavailable: 0, minUpdatePeriod: 1s, maxProgressDeadline: 10m},
			windows: [{kind: Allow, days: [Mon, Tue], start: "09:00", end: "16:00", timeZone: Europe/Berlin}, {kind: Deny, from: "2026-12-18T00:00:00Z", until: "2027-01-04T00:00:00Z"}],
			maxConcurrentRollouts: 3, images: {prefixes: [a/, b/]}}`,
		"canary":  `{defaults: {minReadySeconds: 20, steps: [{replicas: 1}, {pause: {}}, {percent: 50}, {pause: {duration: 10m}}]}}`,
		"patient": `{defaults: {minReadySeconds: 5}}`,
		"freeze":  `{frozen: {reason: incident}, defaults: {onFailure: Rollback}, windows: [{kind: Deny, timeZone: Mars}]}`,
	})
	assert.Equal(t, []string{
		"defaults: max-surge=1, trigger=template",
		"limits: max-surge at most 25%, max-unavailable at most 0, update-period at least 1s, progress-deadline at most 10m",
		"window: Allow [Mon Tue] 09:00-16:00 Europe/Berlin",
		"window: Deny from 2026-12-18T00:00Z until 2027-01-04T00:00Z",
		"at once: 3",
		"images: a/ or b/",
	}, set.Named("production").Explain(true))
	assert.Equal(t, []string{"defaults: steps=1,pause,50%,pause=10m, minReadySeconds=20"}, set.Named("canary").Explain(true))
	assert.Equal(t, []string{"defaults: minReadySeconds=5"}, set.Named("patient").Explain(true))
	lines := set.Named("freeze").Explain(false)
	assert.Contains(t, lines[0], "not accepted: spec.windows[0].timeZone")
	assert.Equal(t, []string{"defaults (another policy goes before): on-failure=rollback", "frozen: incident"}, lines[1:3])
}

// TestExamples: what is in examples/policies is accepted, and each has an example in the
// documentation.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/policies/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 6)
	document, err := os.ReadFile("../../docs/policy.md")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var p v1alpha1.RolloutPolicy
		require.NoError(t, yaml.UnmarshalStrict(text, &p), file)
		read := Compile([]v1alpha1.RolloutPolicy{p})[0]
		assert.NoError(t, read.Problem, file)
		if p.Spec.Defaults != nil && len(p.Spec.Defaults.Steps) > 0 {
			assert.Contains(t, string(document), "    RolloutPolicy "+p.Name+"\n      "+read.Explain(true)[0]+"\n", "as explained")
		}
		assert.Contains(t, string(document), "(../examples/policies/"+filepath.Base(file)+")")
	}
}

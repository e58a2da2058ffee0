package mutate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// TestGuardDelete: a promotion that is really under way holds a deletion up, and not for
// ever.
func TestGuardDelete(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	sealed := []change{
		templateLabel(api.SealedLabel, "x"),
		selector(map[string]any{"app": "tomcat", api.SealedLabel: "x"}),
	}
	promoting := append(sealed, annotate(api.RequestAnnotation, "{}"), annotate(api.PromotingSinceAnnotation, now.Format(time.RFC3339)))
	const refused, warned = "rc/tomcat is taking over the pods", "kubectl delete pods -l app=tomcat"
	for name, c := range map[string]struct {
		object         *unstructured.Unstructured
		passed         time.Duration
		refuses, warns string
	}{
		"at rest":                              {object: tomcat()},
		"promoting":                            {object: tomcat(promoting...), refuses: refused},
		"promoting for 5 minutes":              {object: tomcat(promoting...), passed: 5 * time.Minute, refuses: refused},
		"promoting for longer":                 {object: tomcat(promoting...), passed: 5*time.Minute + time.Second, warns: warned},
		"nobody knows for how long":            {object: tomcat(append(sealed, annotate(api.RequestAnnotation, "{}"))...), warns: warned},
		"sealed without a request":             {object: tomcat(sealed...)},
		"owned, and never scaled: has no pods": {object: edit(ownedByWeb(), promoting...)},
	} {
		t.Run(name, func(t *testing.T) {
			warning, err := mutate.GuardDelete(c.object, now.Add(c.passed))
			if c.refuses != "" {
				assert.ErrorContains(t, err, c.refuses)
			} else {
				assert.NoError(t, err)
			}
			if c.warns != "" {
				assert.Contains(t, warning, c.warns)
			} else {
				assert.Empty(t, warning)
			}
		})
	}
}

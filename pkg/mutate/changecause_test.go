package mutate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// The cause of a request is what was given with it, or for it later, and not that of an
// earlier change.
func TestChangeCause(t *testing.T) {
	const key = "kubernetes.io/change-cause"
	store := func(old *unstructured.Unstructured, changes ...change) *unstructured.Unstructured {
		write := mutate.Write{Old: old, New: edit(old, changes...), User: user}
		decision := mutate.Decide(write, options)
		if decision.Question != nil {
			write.Stored = api.SpecOf(decision.Question)
			decision = mutate.Decide(write, options)
		}
		require.NoError(t, decision.Refusal)
		return decision.Object
	}
	cause := func(rc *unstructured.Unstructured) string { return rc.GetAnnotations()[api.ChangeCauseAnnotation] }
	idle := tomcat(annotate(key, "the first one"))

	assert.Equal(t, "", cause(store(idle, image("tomcat:8"))), "of an earlier change")
	together := store(idle, image("tomcat:8"), annotate(key, "CVE-1"))
	assert.Equal(t, "CVE-1", cause(together))
	later := store(store(idle, image("tomcat:8")), annotate(key, "CVE-2"))
	assert.Equal(t, "CVE-2", cause(later), "kubectl annotate after kubectl set image")
	assert.Equal(t, "CVE-2", cause(store(later, replicas(6))), "the same template")
	assert.Equal(t, "", cause(store(later, image("tomcat:9"))), "another one")
	assert.Equal(t, "CVE-3", cause(store(later, image("tomcat:9"), annotate(key, "CVE-3"))))
	assert.Equal(t, "", cause(store(later, unannotate(key))))
	assert.Equal(t, "", cause(store(idle, annotate(key, "CVE-4"))), "nothing is requested")

	decision := mutate.Decide(mutate.Write{Old: later, New: edit(later, annotate(api.ChangeCauseAnnotation, "forged")), User: user}, options)
	assert.ErrorContains(t, decision.Refusal, api.ChangeCauseAnnotation)
}

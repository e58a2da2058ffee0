package policies

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

// What rcroll costs the API server for objects with very many labels, beside
// a namespace that opted out: it is logged, since no limit would hold on every machine.
func TestCostOfManyLabels(t *testing.T) {
	const labels = 15_000
	many := func(rc *corev1.ReplicationController) {
		for i := range labels {
			rc.Spec.Template.Labels[fmt.Sprintf("l%d", i)] = ""
		}
	}
	for _, enabled := range []string{"false", "true"} {
		ns := namespace(t, map[string]string{api.EnabledKey: enabled})
		rcs := harness.Cluster(t).Client.CoreV1().ReplicationControllers(ns)
		created := took(func() { create(t, ns, harness.NewRC("tomcat", many)) })
		scaled := took(func() {
			_, err := rcs.UpdateScale(t.Context(), "tomcat", scaleTo("tomcat", ns, 0), metav1.UpdateOptions{})
			require.NoError(t, err)
		})
		deleted := took(func() { require.NoError(t, rcs.Delete(t.Context(), "tomcat", metav1.DeleteOptions{})) })
		t.Logf("%d template labels, rcroll enabled: %s: create %v, scale %v, delete %v", labels, enabled, created, scaled, deleted)
	}
}

func took(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began).Round(time.Millisecond)
}

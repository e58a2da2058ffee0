package metrics_test

import (
	"flag"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/rcroll/rcroll/certs"
	"github.com/rcroll/rcroll/pkg/agent"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/pkg/webhook"
	"github.com/rcroll/rcroll/test/golden/document"
)

var update = flag.Bool("update", false, "rewrite the table of metrics in docs/operations.md")

// Where the table stands in the document.
const (
	operations  = "../../docs/operations.md"
	tableBegins = "<!-- The table is written by `go test ./pkg/metrics -run TestMetricsDocument -update`. -->\n"
	tableEnds   = "<!-- End of the table. -->\n"
)

// registry has all metrics of both programs, with a sample of each.
func registry(t *testing.T) *prometheus.Registry {
	t.Helper()
	paused := corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "tomcat", Annotations: map[string]string{
			api.RequestAnnotation: "{}", api.RequestedAtAnnotation: "2026-11-25T10:00:00Z",
		}},
		Status: corev1.ReplicationControllerStatus{Conditions: []corev1.ReplicationControllerCondition{
			{Type: rollout.Progressing, Status: corev1.ConditionUnknown, Reason: rollout.ReasonPaused},
			{Type: rollout.Reconciling, Status: corev1.ConditionTrue, Reason: rollout.ReasonPaused},
		}},
	}
	leads := make(chan struct{})
	close(leads)
	all := prometheus.NewPedanticRegistry()
	all.MustRegister(agent.Collectors(t.Context(), fake.NewClientBuilder().WithObjects(&paused).Build(), leads)...)
	all.MustRegister(webhook.Collectors()...)
	all.MustRegister(certs.NewRotator(certs.Options{Dir: t.TempDir()}).Collector())
	return all
}

// TestNames holds the metrics to the conventions of Prometheus.
func TestNames(t *testing.T) {
	problems, err := testutil.GatherAndLint(registry(t))
	require.NoError(t, err)
	assert.Empty(t, problems)
	families, err := registry(t).Gather()
	require.NoError(t, err)
	for _, family := range families {
		assert.Regexp(t, `^rcroll_(agent|webhook|certificate)_`, family.GetName())
	}
}

// TestLabels: the values of labels are words of rcroll's and resources, never names.
func TestLabels(t *testing.T) {
	families, err := registry(t).Gather()
	require.NoError(t, err)
	known := []string{"action", "as", "meaning", "operation", "outcome", "reason", "resource", "result"}
	word := regexp.MustCompile(`^([A-Z][A-Za-z]+|replicationcontrollers(/scale)?|user|webhook)$`)
	series := 0
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			series++
			for _, label := range metric.GetLabel() {
				assert.Contains(t, known, label.GetName(), family.GetName())
				assert.Regexp(t, word, label.GetValue(), family.GetName())
			}
		}
	}
	assert.Less(t, series, 100)
}

// TestMetricsDocument: the document has all metrics, and no others.
func TestMetricsDocument(t *testing.T) {
	families, err := registry(t).Gather()
	require.NoError(t, err)
	var table strings.Builder
	table.WriteString("| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n")
	for _, family := range families {
		labels := map[string]bool{}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				labels["`"+label.GetName()+"`"] = true
			}
		}
		names := strings.Join(slices.Sorted(maps.Keys(labels)), ", ")
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", family.GetName(), strings.ToLower(family.GetType().String()), names, family.GetHelp())
	}
	document.Section(t, operations, tableBegins, tableEnds, table.String(), *update)
}

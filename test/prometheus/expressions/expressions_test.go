package expressions

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const root = "../../.."

func all(t *testing.T) []Expression {
	t.Helper()
	alerts, err := Alerts(root + "/contrib/prometheus/alerts.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, alerts)
	panels, err := Dashboard(root+"/contrib/grafana/rcroll.json", "5m")
	require.NoError(t, err)
	require.NotEmpty(t, panels)
	return append(alerts, panels...)
}

// foreign are the metrics of others, and the labels of theirs that are asked for.
var foreign = map[string][]string{
	"leader_election_master_status":               {"name"},
	"apiserver_admission_webhook_rejection_count": {"name", "error_type"},
	"process_resident_memory_bytes":               nil,
	"process_cpu_seconds_total":                   nil,
	"workqueue_depth":                             {"name"},
}

// documented are rcroll's metrics, and their labels: those of the table that is generated
// from the programs' registries.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	content, err := os.ReadFile(root + "/docs/operations.md")
	require.NoError(t, err)
	metrics := map[string][]string{}
	for _, line := range regexp.MustCompile("(?m)^\\| `(rcroll_[a-z_]+)` \\| (counter|gauge|histogram) \\| (.*?) \\|").FindAllStringSubmatch(string(content), -1) {
		var names []string
		for _, label := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(line[3], -1) {
			names = append(names, label[1])
		}
		if line[2] != "histogram" {
			metrics[line[1]] = names
			continue
		}
		metrics[line[1]+"_bucket"] = append([]string{"le"}, names...)
		metrics[line[1]+"_sum"], metrics[line[1]+"_count"] = names, names
	}
	require.Greater(t, len(metrics), 15)
	return metrics
}

// TestExpressions: each can be parsed, and asks for metrics and labels that there are.
func TestExpressions(t *testing.T) {
	known := documented(t)
	for name, labelNames := range foreign {
		known[name] = labelNames
	}
	asked := map[string]bool{}
	for _, expression := range all(t) {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression.Text)
		require.NoError(t, err, "%s: %s", expression.Where, expression.Text)
		parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
			selector, ok := node.(*parser.VectorSelector)
			if !ok {
				return nil
			}
			asked[selector.Name] = true
			labelNames, ok := known[selector.Name]
			if !assert.True(t, ok, "%s: there is no metric %s", expression.Where, selector.Name) {
				return nil
			}
			for _, matcher := range selector.LabelMatchers {
				if matcher.Name != model.MetricNameLabel {
					assert.Contains(t, labelNames, matcher.Name, "%s: %s", expression.Where, selector.Name)
				}
			}
			return nil
		})
	}
	for name := range known {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
		used := asked[name] || asked[base+"_bucket"] || asked[base+"_sum"] || asked[base+"_count"]
		assert.True(t, used, "neither alerts nor dashboard show %s", name)
	}
}

// TestEveryAlertIsTested: there is a case in which it fires, and one in which it does not.
func TestEveryAlertIsTested(t *testing.T) {
	content, err := os.ReadFile("../testdata/alerts_test.yaml")
	require.NoError(t, err)
	var file struct {
		Tests []struct {
			Cases []struct {
				Alert  string           `yaml:"alertname"`
				Alerts []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	require.NoError(t, yaml.Unmarshal(content, &file))
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			if len(c.Alerts) > 0 {
				fires[c.Alert] = true
			} else {
				quiet[c.Alert] = true
			}
		}
	}
	alerts, err := Alerts(root + "/contrib/prometheus/alerts.yaml")
	require.NoError(t, err)
	for _, alert := range alerts {
		name := strings.TrimPrefix(alert.Where, "alert ")
		assert.True(t, fires[name], "%s is never seen to fire", name)
		assert.True(t, quiet[name], "%s is never seen not to fire", name)
	}
}

func TestSignal(t *testing.T) {
	for text, want := range map[string]string{
		"sum(a) > 3":            "sum(a)",
		`absent(a{b="c"} == 1)`: `a{b="c"}`,
		"time() - min(a) > 3":   "time() - min(a)",
		"rate(a[5m])":           "rate(a[5m])",
	} {
		got, err := Signal(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

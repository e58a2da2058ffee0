// Package expressions reads what rcroll asks Prometheus: the expressions of its alerts and of
// its dashboard.
package expressions

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Expression is one of PromQL, and where it stands.
type Expression struct{ Where, Text string }

// interval stands for the one that Grafana chooses.
const interval = "$__rate_interval"

// Dashboard returns the expressions of the panels in a file, over an interval of their own.
func Dashboard(path, overInterval string) ([]Expression, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the dashboard: %w", err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		return nil, fmt.Errorf("decode the dashboard: %w", err)
	}
	var all []Expression
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all = append(all, Expression{"panel " + panel.Title, strings.ReplaceAll(target.Expr, interval, overInterval)})
		}
	}
	return all, nil
}

// Alerts returns the expressions of the rules in a file.
func Alerts(path string) ([]Expression, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the alerts: %w", err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		return nil, fmt.Errorf("decode the alerts: %w", err)
	}
	var all []Expression
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			all = append(all, Expression{"alert " + rule.Alert, rule.Expr})
		}
	}
	return all, nil
}

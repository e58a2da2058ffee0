// Command dashboard writes the dashboard of Grafana: go run ./hack/dashboard. What it shows
// is in panels.go.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

const path = "contrib/grafana/rcroll.json"

func main() {
	check := slices.Contains(os.Args[1:], "-check")
	if err := run(check); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes the dashboard, or only says whether it is up to date.
func run(check bool) error {
	content, err := encode(dashboard())
	if err != nil {
		return err
	}
	if check {
		if found, err := os.ReadFile(path); err != nil || !bytes.Equal(found, content) {
			return fmt.Errorf("%s is not what go run ./hack/dashboard would write", path)
		}
		return nil
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return fmt.Errorf("write the dashboard: %w", err)
	}
	return nil
}

func encode(dashboard any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(dashboard); err != nil {
		return nil, fmt.Errorf("encode the dashboard: %w", err)
	}
	return out.Bytes(), nil
}

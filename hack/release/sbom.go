package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// bom is a bill of materials in CycloneDX.
type bom struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   bomMetadata `json:"metadata"`
	Components []component `json:"components"`
}

type bomMetadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
	URL     string `json:"purl"`
}

func newComponent(module, version string) component {
	return component{Type: "library", Name: module, Version: version, URL: "pkg:golang/" + module + "@" + version}
}

// writeBOM says from which modules a program was built, as it says itself.
func (s source) writeBOM(program, path string) error {
	module, list, err := modules(program)
	if err != nil {
		return err
	}
	self := newComponent(module, s.version)
	self.Type = "application"
	text, err := json.MarshalIndent(bom{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata:   bomMetadata{Timestamp: s.time.Format("2006-01-02T15:04:05Z"), Component: self},
		Components: list,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode a bill of materials: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write a bill of materials: %w", err)
	}
	return nil
}

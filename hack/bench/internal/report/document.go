package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// The files of a document, relative to its directory.
const (
	textFile = "performance.md"
	dataFile = "results/performance.json"
	plotFile = "results/performance.svg"
)

// The tables stand between these lines of the text, the rest of which is written by
// hand and preserved.
const (
	beginMark = "<!-- measured: begin (make bench) -->\n"
	endMark   = "<!-- measured: end -->\n"
)

// Document is the results, and the files that present them.
type Document struct {
	Results Results
	dir     string
}

// Open loads the results of earlier runs from a directory, for measurements on this
// machine.
func Open(dir string) (*Document, error) {
	results, err := Load(filepath.Join(dir, dataFile))
	if err != nil {
		return nil, err
	}
	machine, err := thisMachine()
	if err != nil {
		return nil, err
	}
	results.Machine = machine
	return &Document{Results: *results, dir: dir}, nil
}

// Save writes all files.
func (d *Document) Save() error {
	if err := os.MkdirAll(filepath.Dir(filepath.Join(d.dir, dataFile)), 0o755); err != nil {
		return fmt.Errorf("create the directory of the results: %w", err)
	}
	if err := d.Results.Save(filepath.Join(d.dir, dataFile)); err != nil {
		return err
	}
	if err := d.writePlot(); err != nil {
		return err
	}
	return d.writeText()
}

func (d *Document) writePlot() error {
	if err := os.WriteFile(filepath.Join(d.dir, plotFile), plot(d.Results.Rollouts), 0o644); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return nil
}

//go:embed measured.md.tmpl
var measuredTemplate string

// writeText replaces the tables in the text, or creates a text of nothing else.
func (d *Document) writeText() error {
	file := filepath.Join(d.dir, textFile)
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		text, err = []byte(beginMark+endMark), nil
	}
	if err != nil {
		return fmt.Errorf("read the text: %w", err)
	}
	if text, err = withTables(text, d.Results); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("write the text: %w", err)
	}
	return nil
}

// withTables returns the text with the tables of the results.
func withTables(text []byte, results Results) ([]byte, error) {
	before, rest, found := bytes.Cut(text, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !found || !ended {
		return nil, fmt.Errorf("the lines %q and %q are missing", beginMark, endMark)
	}
	parsed, err := template.New("measured").Funcs(functions).Parse(measuredTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse the template: %w", err)
	}
	var tables bytes.Buffer
	if err := parsed.Execute(&tables, results); err != nil {
		return nil, fmt.Errorf("render the tables: %w", err)
	}
	return bytes.Join([][]byte{before, []byte(beginMark), tables.Bytes(), []byte(endMark), after}, nil), nil
}

package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// The names of the files of a document.
const (
	dataFile = "performance.json"
	plotFile = "performance.svg"
	textFile = "performance.md"
)

// What is measured stands between these lines of the text; the rest of it is written
// by hand, and stays.
const (
	beginMark = "<!-- measured: begin (make bench) -->\n"
	endMark   = "<!-- measured: end -->\n"
)

// Document is the results and the files that show them.
type Document struct {
	Results Results
	dir     string
}

// Open takes up the results in a directory.
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

// writeText replaces what is measured in the text, or makes a text of nothing else.
func (d *Document) writeText() error {
	parsed, err := template.New("measured").Funcs(functions).Parse(measuredTemplate)
	if err != nil {
		return fmt.Errorf("parse the template: %w", err)
	}
	var measured bytes.Buffer
	if err := parsed.Execute(&measured, d.Results); err != nil {
		return fmt.Errorf("write the tables: %w", err)
	}
	file := filepath.Join(d.dir, textFile)
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		text, err = []byte(beginMark+endMark), nil
	}
	if err != nil {
		return fmt.Errorf("read the text: %w", err)
	}
	before, rest, found := bytes.Cut(text, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !found || !ended {
		return fmt.Errorf("%s: the lines %q and %q are not there", file, beginMark, endMark)
	}
	content := bytes.Join([][]byte{before, []byte(beginMark), measured.Bytes(), []byte(endMark), after}, nil)
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return fmt.Errorf("write the text: %w", err)
	}
	return nil
}

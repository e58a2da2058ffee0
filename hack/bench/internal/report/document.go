package report

import (
	"path/filepath"
)

// Document is the results and the files that show them.
type Document struct {
	Results Results
	dir     string
}

// Open takes up the results in a directory.
func Open(dir string) (*Document, error) {
	results, err := Load(filepath.Join(dir, "performance.json"))
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
	return d.Results.Save(filepath.Join(d.dir, "performance.json"))
}

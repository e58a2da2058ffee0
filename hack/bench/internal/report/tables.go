package report

import (
	"fmt"
	"text/template"

	"github.com/rcroll/rcroll/hack/bench/internal/audit"
)

// functions are what the template calls.
var functions = template.FuncMap{
	"f0":        func(value float64) string { return fmt.Sprintf("%.0f", value) },
	"f1":        func(value float64) string { return fmt.Sprintf("%.1f", value) },
	"f2":        func(value float64) string { return fmt.Sprintf("%.2f", value) },
	"kib":       func(bytes float64) string { return fmt.Sprintf("%.0f", bytes/1024) },
	"compare":   compareBy,
	"breakdown": breakdown,
	"cpu":       cpu,
	"median":    medianRun,
	"less":      func(a, b float64) float64 { return a - b },
}

// numbers of a run, by the names that the template has for them.
var numbers = map[string]func(Run) float64{
	"seconds": func(r Run) float64 { return r.Seconds },
	"updated": func(r Run) float64 { return r.UpdatedSeconds },
	"writes":  func(r Run) float64 { return float64(r.Writes) },
	"refused": func(r Run) float64 { return float64(r.Refused) },
	"events":  func(r Run) float64 { return float64(r.EventWrites) },
	"reads":   func(r Run) float64 { return float64(r.Reads) },
	"bytes":   func(r Run) float64 { return float64(r.RequestBytes) },
	"stored":  func(r Run) float64 { return float64(r.StoredBytes) },
}

func compareBy(pairs []Pair, name string) (Comparison, error) {
	number, found := numbers[name]
	if !found {
		return Comparison{}, fmt.Errorf("no number %q", name)
	}
	return Compare(pairs, number), nil
}

// cpu is what a component computed, or all of them ("").
func cpu(pairs []Pair, component string) Comparison {
	return Compare(pairs, func(r Run) float64 {
		if component != "" {
			return r.CPU[component]
		}
		var sum float64
		for _, seconds := range r.CPU {
			sum += seconds
		}
		return sum
	})
}

// row is a kind of requests in all cells, rcroll's and the Deployment's in turn.
type row struct {
	audit.Key
	Counts []string
}

func breakdown(cells []Rollouts) []row {
	union := audit.Counts{}
	var columns []map[audit.Key]float64
	for _, cell := range cells {
		for _, side := range [][]Requests{cell.RequestsRC, cell.RequestsDeployment} {
			column := map[audit.Key]float64{}
			for _, requests := range side {
				column[requests.Key] = requests.Count
				if requests.IsWrite() && requests.Count > 0 {
					union[requests.Key]++
				}
			}
			columns = append(columns, column)
		}
	}
	rows := make([]row, 0, len(union))
	for _, key := range audit.Keys(union) {
		row := row{Key: key}
		for _, column := range columns {
			text := ""
			if count := column[key]; count > 0 {
				text = fmt.Sprintf("%.0f", count)
			}
			row.Counts = append(row.Counts, text)
		}
		rows = append(rows, row)
	}
	return rows
}

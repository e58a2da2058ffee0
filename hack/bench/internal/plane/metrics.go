package plane

import (
	"strconv"
	"strings"
)

// Metrics are samples in the text format of Prometheus, by "name{labels}".
type Metrics map[string]float64

func parseMetrics(text []byte) Metrics {
	metrics := Metrics{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		space := strings.LastIndexByte(line, ' ')
		if space < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if value, err := strconv.ParseFloat(line[space+1:], 64); err == nil {
			metrics[line[:space]] = value
		}
	}
	return metrics
}

// Sum returns the sum of all samples of a metric.
func (m Metrics) Sum(name string) float64 {
	var sum float64
	for sample, value := range m {
		if sample == name || strings.HasPrefix(sample, name+"{") {
			sum += value
		}
	}
	return sum
}

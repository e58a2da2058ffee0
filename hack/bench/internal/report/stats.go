package report

import (
	"math"
	"slices"
	"time"
)

// Median of at least one value; of an even number the mean of the middle two.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Quantile is the smallest of at least one value that the share p, 0 to 1, of all
// does not exceed.
func Quantile(values []float64, p float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// QuantilesOf summarises at least one duration.
func QuantilesOf(durations []time.Duration) Quantiles {
	milliseconds := make([]float64, len(durations))
	for i, duration := range durations {
		milliseconds[i] = float64(duration) / float64(time.Millisecond)
	}
	return Quantiles{
		Count: len(durations),
		P50:   round(Quantile(milliseconds, 0.5), 2),
		P99:   round(Quantile(milliseconds, 0.99), 2),
	}
}

// Comparison is one number of both kinds: medians, the ratio of the medians, and the
// lowest and highest ratio within a pair.
type Comparison struct {
	RC, Deployment               float64
	Ratio                        float64
	Lowest, Highest              float64
	RCMin, RCMax                 float64
	DeploymentMin, DeploymentMax float64
}

// Compare compares a number over the pairs, of which there is at least one.
func Compare(pairs []Pair, number func(Run) float64) Comparison {
	var rc, deployment, ratios []float64
	for _, pair := range pairs {
		rc = append(rc, number(pair.RC))
		deployment = append(deployment, number(pair.Deployment))
		ratios = append(ratios, number(pair.RC)/number(pair.Deployment))
	}
	c := Comparison{
		RC: Median(rc), Deployment: Median(deployment),
		Lowest: slices.Min(ratios), Highest: slices.Max(ratios),
		RCMin: slices.Min(rc), RCMax: slices.Max(rc),
		DeploymentMin: slices.Min(deployment), DeploymentMax: slices.Max(deployment),
	}
	c.Ratio = c.RC / c.Deployment
	return c
}

func round(value float64, digits int) float64 {
	factor := math.Pow10(digits)
	return math.Round(value*factor) / factor
}

// MedianOf at least one duration.
func MedianOf(durations []time.Duration) time.Duration {
	values := make([]float64, len(durations))
	for i, duration := range durations {
		values[i] = float64(duration)
	}
	return time.Duration(Median(values))
}

// MiB are bytes in mebibytes, to one digit.
func MiB(bytes int64) float64 { return round(float64(bytes)/(1<<20), 1) }

// Or is the larger of each.
func (p Peak) Or(other Peak) Peak {
	return Peak{
		ResidentMiB: max(p.ResidentMiB, other.ResidentMiB),
		Goroutines:  max(p.Goroutines, other.Goroutines),
		QueueDepth:  max(p.QueueDepth, other.QueueDepth),
	}
}

// ThroughputOf so many edits.
func ThroughputOf(write string, edits int, elapsed, cpu time.Duration) Throughput {
	return Throughput{
		Write:           write,
		EditsPerSecond:  round(float64(edits)/elapsed.Seconds(), 0),
		CPUMilliseconds: round(cpu.Seconds()*1000/float64(edits), 3),
	}
}

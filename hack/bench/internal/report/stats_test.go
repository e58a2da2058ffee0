package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestMedian(t *testing.T) {
	assert.InDelta(t, 2, Median([]float64{3, 1, 2}), 0)
	assert.InDelta(t, 2.5, Median([]float64{4, 1, 2, 3}), 0)
	assert.Equal(t, 2*time.Second, MedianOf([]time.Duration{3 * time.Second, time.Second, 2 * time.Second}))
}

func TestQuantile(t *testing.T) {
	var values []float64
	for i := range 100 {
		values = append(values, float64(100-i))
	}
	assert.InDelta(t, 50, Quantile(values, 0.5), 0)
	assert.InDelta(t, 99, Quantile(values, 0.99), 0)
	assert.InDelta(t, 7, Quantile([]float64{7}, 0.99), 0)
	assert.InDelta(t, 1, Quantile(values, 0), 0)
}

func TestCompare(t *testing.T) {
	run := func(seconds float64) Run { return Run{Seconds: seconds} }
	c := Compare([]Pair{{RC: run(6), Deployment: run(5)}, {RC: run(10), Deployment: run(5)}, {RC: run(4), Deployment: run(8)}}, numbers["seconds"])
	assert.InDelta(t, 6, c.RC, 0)
	assert.InDelta(t, 5, c.Deployment, 0)
	assert.InDelta(t, 1.2, c.Ratio, 1e-9, "of the medians")
	assert.InDelta(t, 0.5, c.Lowest, 1e-9, "within a pair")
	assert.InDelta(t, 2, c.Highest, 1e-9)
}

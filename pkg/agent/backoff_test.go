package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBackoff(t *testing.T) {
	const first, last = 10 * time.Millisecond, 30 * time.Second
	b := newBackoff[string](first, last)
	full := first
	for range 40 {
		delay := b.When("tomcat")
		assert.GreaterOrEqual(t, delay, full/2, "half is certain")
		assert.LessOrEqual(t, delay, full)
		full = min(2*full, last)
	}
	assert.Equal(t, 40, b.NumRequeues("tomcat"))

	b.Forget("tomcat")
	assert.LessOrEqual(t, b.When("tomcat"), first, "begins anew")
}

// Rollouts that fail together come back one by one.
func TestBackoffSpreads(t *testing.T) {
	b := newBackoff[int](time.Second, time.Minute)
	delays := map[time.Duration]bool{}
	for rollout := range 100 {
		delays[b.When(rollout)] = true
	}
	assert.Greater(t, len(delays), 90)
}

package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// validationSeconds is how long the API server took to judge requested templates, from
// the webhook's question to its answer: the part of an edit that is not rcroll's.
var validationSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
	Name:    "rcroll_webhook_validation_seconds",
	Help:    "Time from the dry run of a requested template to the API server's verdict.",
	Buckets: prometheus.ExponentialBuckets(0.001, 2, 14), // to 8 s, the deadline of a review
})

// registerMetrics puts the metrics of this package where the manager serves them.
func registerMetrics() { metrics.Registry.MustRegister(validationSeconds) }

// timeValidation starts to time one, and returns what ends it.
func timeValidation() (done func()) {
	begin := time.Now()
	return func() { validationSeconds.Observe(time.Since(begin).Seconds()) }
}

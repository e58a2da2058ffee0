package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rcroll/rcroll/pkg/verdict"
)

// verdictSeconds is how long the API server took to judge requested specs, from
// the webhook's question to its answer: the part of an edit that is not rcroll's.
var verdictSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
	Name:    "rcroll_webhook_verdict_seconds",
	Help:    "Time from the dry run of a requested spec to the API server's verdict.",
	Buckets: prometheus.ExponentialBuckets(0.001, 2, 14), // to 8 s, the deadline of a review
})

// verdicts counts in whose name the API server was asked.
var verdicts = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "rcroll_webhook_verdicts_total",
	Help: "Questions to the API server about requested specs, by the name in which they were put: that of the user, or of the webhook where the API server does not allow that.",
}, []string{"as"})

// reviewSeconds is how long reviews took, the API server's verdict included.
var reviewSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
	Name:    "rcroll_webhook_review_seconds",
	Help:    "Time to answer a review, by what the write was taken for; Failed if there was no decision.",
	Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
}, []string{"resource", "meaning"})

// CountVerdict counts a question.
func CountVerdict(as verdict.As) { verdicts.WithLabelValues(string(as)).Inc() }

// registerMetrics puts the metrics of this package where the manager serves them.
func registerMetrics() { metrics.Registry.MustRegister(verdictSeconds, verdicts, reviewSeconds) }

// deletionMeaning is that of reviews of deletions.
const deletionMeaning = "Deletes"

// reviewTimer times one review.
type reviewTimer struct {
	begin             time.Time
	resource, meaning string
}

// timeReview starts to time a review, which has failed unless its meaning is set.
func timeReview(resource string) *reviewTimer {
	return &reviewTimer{begin: time.Now(), resource: resource, meaning: "Failed"}
}

func (t *reviewTimer) done() {
	reviewSeconds.WithLabelValues(t.resource, t.meaning).Observe(time.Since(t.begin).Seconds())
}

// timeVerdict starts to time one, and returns what ends it.
func timeVerdict() (done func()) {
	begin := time.Now()
	return func() { verdictSeconds.Observe(time.Since(begin).Seconds()) }
}

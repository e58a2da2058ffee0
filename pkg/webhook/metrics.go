package webhook

import (
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/rcroll/rcroll/pkg/mutate"
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
	Help: "Questions to the API server about requested specs, by outcome, and by the name in which they were put: that of the user, or of the webhook where the API server does not allow that.",
}, []string{"as", "outcome"})

// reviewSeconds is how long reviews took, the API server's verdict included.
var reviewSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
	Name:    "rcroll_webhook_review_seconds",
	Help:    "Time to answer a review, by what the write was taken for; Rejected if the API server did not accept what was requested, Outdated if the object had changed, Failed if there was no decision.",
	Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
}, []string{"resource", "meaning"})

// turnedAway counts what got no review at all.
var turnedAway = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "rcroll_webhook_reviews_turned_away_total",
	Help: "Reviews that were not looked at, by why: TooLarge, Busy if there were too many at once, Incomplete if one did not arrive whole.",
}, []string{"reason"})

// overrides and approvals count what takes a right on a policy.
var (
	overrides = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rcroll_webhook_overrides_total",
		Help: "Policies that edits asked to override, by whether their user has the right to: Allowed or Denied.",
	}, []string{"outcome"})

	approvals = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rcroll_webhook_approvals_total",
		Help: "Edits that approved a step of a policy, by whether their user has the right to: Allowed or Denied.",
	}, []string{"outcome"})
)

// Collectors are the metrics of this package. Those that alerts are about begin with 0, as
// an increase is not seen of a counter that begins with 1.
func Collectors() []prometheus.Collector {
	for _, resource := range []string{controllerResource, scaleResource} {
		reviewSeconds.WithLabelValues(resource, failedMeaning)
	}
	for _, reason := range []string{tooLargeReason, busyReason, incompleteReason} {
		turnedAway.WithLabelValues(reason)
	}
	for _, as := range []verdict.As{verdict.AsUser, verdict.AsWebhook} {
		for _, outcome := range []string{acceptedOutcome, rejectedOutcome, failedOutcome} {
			verdicts.WithLabelValues(string(as), outcome)
		}
	}
	for _, counter := range []*prometheus.CounterVec{overrides, approvals} {
		counter.WithLabelValues(allowedOutcome)
		counter.WithLabelValues(deniedOutcome)
	}
	return []prometheus.Collector{verdictSeconds, verdicts, reviewSeconds, turnedAway, overrides, approvals}
}

// Values of the labels, besides those that mutate and verdict have.
const (
	controllerResource = "replicationcontrollers"
	scaleResource      = "replicationcontrollers/scale"

	deletionMeaning = "Deletes"
	rejectedMeaning = "Rejected"
	outdatedMeaning = "Outdated"
	failedMeaning   = "Failed"

	tooLargeReason   = "TooLarge"
	busyReason       = "Busy"
	incompleteReason = "Incomplete"

	acceptedOutcome = "Accepted"
	rejectedOutcome = "Rejected"
	failedOutcome   = "Failed"

	allowedOutcome = "Allowed"
	deniedOutcome  = "Denied"
)

// countRight counts a question for the right to a verb, by its answer.
func countRight(verb string, allowed bool) {
	counter, outcome := overrides, deniedOutcome
	if verb == approveVerb {
		counter = approvals
	}
	if allowed {
		outcome = allowedOutcome
	}
	counter.WithLabelValues(outcome).Inc()
}

// CountVerdict counts a question, by the error that was the answer.
func CountVerdict(as verdict.As, err error) {
	outcome := acceptedOutcome
	switch {
	case isRejection(err):
		outcome = rejectedOutcome
	case err != nil:
		outcome = failedOutcome
	}
	verdicts.WithLabelValues(string(as), outcome).Inc()
}

// isRejection reports whether an error is about what was asked, and not about the API
// server being unable to answer.
func isRejection(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) {
		return false
	}
	code := status.Status().Code
	return code >= http.StatusBadRequest && code < http.StatusInternalServerError
}

// meaningOf is what a review meant that ended with an error instead of a decision.
func meaningOf(err error) string {
	switch {
	case apierrors.IsConflict(err):
		return outdatedMeaning
	case isRejection(err):
		return rejectedMeaning
	}
	return failedMeaning
}

// reviewTimer times one review.
type reviewTimer struct {
	begin             time.Time
	resource, meaning string
}

// timeReview starts to time a review, which has failed unless its meaning is set.
func timeReview(resource string) *reviewTimer {
	return &reviewTimer{begin: time.Now(), resource: resource, meaning: failedMeaning}
}

// decided sets the meaning. A command that is out of date is refused for no fault of anybody.
func (t *reviewTimer) decided(decision mutate.Decision) {
	t.meaning = string(decision.Meaning)
	if decision.Stale {
		t.meaning = outdatedMeaning
	}
}

func (t *reviewTimer) done() {
	reviewSeconds.WithLabelValues(t.resource, t.meaning).Observe(time.Since(t.begin).Seconds())
}

// timeVerdict starts to time one, and returns what ends it.
func timeVerdict() (done func()) {
	begin := time.Now()
	return func() { verdictSeconds.Observe(time.Since(begin).Seconds()) }
}

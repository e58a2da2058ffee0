package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/mutate"
	"github.com/rcroll/rcroll/pkg/verdict"
)

// TestMeanings: what a user got wrong is told from what the webhook could not do, of which
// there is an alert.
func TestMeanings(t *testing.T) {
	rcs := corev1.Resource("replicationcontrollers")
	for meaning, errs := range map[string][]error{
		outdatedMeaning: {fmt.Errorf("%w: %w", errUnproven, conflict("tomcat"))},
		rejectedMeaning: {
			apierrors.NewForbidden(rcs, "tomcat", errors.New("quota")),
			fmt.Errorf("asked: %w", apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ReplicationController").GroupKind(), "tomcat", nil)),
		},
		failedMeaning: {
			apierrors.NewInternalError(errors.New("etcd")), apierrors.NewServerTimeout(rcs, "patch", 1),
			apierrors.NewTooManyRequests("later", 1), verdict.ErrCannotAskAsUser,
		},
	} {
		for _, err := range errs {
			assert.Equal(t, meaning, meaningOf(err), "%v", err)
		}
	}
	timer := timeReview(controllerResource)
	assert.Equal(t, failedMeaning, timer.meaning, "until it is decided")
	timer.decided(mutate.Decision{Meaning: mutate.Refused})
	assert.Equal(t, "Refused", timer.meaning)
	timer.decided(mutate.Decision{Meaning: mutate.Refused, Stale: true})
	assert.Equal(t, outdatedMeaning, timer.meaning)
}

// TestVerdictsAreCounted by their outcome.
func TestVerdictsAreCounted(t *testing.T) {
	for outcome, err := range map[string]error{
		acceptedOutcome: nil,
		rejectedOutcome: &apierrors.StatusError{ErrStatus: metav1.Status{Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden}},
		failedOutcome:   errors.New("connection refused"),
	} {
		counter := verdicts.WithLabelValues(string(verdict.AsUser), outcome)
		before := testutil.ToFloat64(counter)
		CountVerdict(verdict.AsUser, err)
		assert.InDelta(t, before+1, testutil.ToFloat64(counter), 0, outcome)
	}
}

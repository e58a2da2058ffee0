package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/hack/bench/internal/audit"
	"github.com/rcroll/rcroll/hack/bench/internal/report"
)

func requests(who, verb, resource string, count float64) report.Requests {
	return report.Requests{Key: audit.Key{Who: who, Verb: verb, Resource: resource}, Count: count}
}

func TestCheck(t *testing.T) {
	expected := expectation{
		Requests: []report.Requests{
			requests("rcroll agent", "patch", "replicationcontrollers", 12),
			requests("rcroll agent", "list", "pods", 2),
		},
		Passes: 60, Reviews: 9,
	}
	assert.NoError(t, expected.check(expected))
	assert.NoError(t, expected.check(expectation{Passes: 1}), "less is no offence")

	grown := expectation{
		Requests: []report.Requests{
			requests("rcroll agent", "patch", "replicationcontrollers", 13),
			requests("rcroll agent", "get", "pods", 1),
		},
		Passes: 61, Reviews: 10,
	}
	err := expected.check(grown)
	for _, want := range []string{
		"rcroll agent: patch replicationcontrollers: 13, expected at most 12", "rcroll agent: get pods: 1, expected at most 0",
		"passes of the agent: 61", "reviews of the webhook: 10", "-update",
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestFewest(t *testing.T) {
	patch := audit.Key{Who: "rcroll agent", Verb: "patch", Resource: "replicationcontrollers"}
	retry := audit.Key{Who: "rcroll agent", Verb: "get", Resource: "replicationcontrollers"}
	pods := audit.Key{Who: "kubelet", Verb: "patch", Resource: "pods/status"}
	got := fewest([]audit.Counts{{patch: 13, retry: 1, pods: 5}, {patch: 12, pods: 5}})
	assert.Equal(t, []report.Requests{{Key: patch, Count: 12}}, got)
}

package main

import (
	"context"

	"github.com/rcroll/rcroll/hack/bench/internal/plane"
	"github.com/rcroll/rcroll/hack/bench/internal/report"
)

// bench is what all measurements share.
type bench struct {
	plane    *plane.Plane
	pairs    int
	progress func(format string, args ...any)
}

// cell is one part of the measurements, which can be run on its own.
type cell struct {
	name    string
	measure func(ctx context.Context, b *bench, results *report.Results) error
}

// cells are in ascending order of the load on the control plane.
var cells = []cell{
	rollouts{name: "5-pods", size: 1, replicas: 5, maxSurge: "1", maxUnavailable: "0", floorSeconds: 5}.cell(),
	rollouts{name: "50-pods", size: 1, replicas: 50, maxSurge: "25%", maxUnavailable: "25%"}.cell(),
	rollouts{name: "500-pods", size: 1, replicas: 500, maxSurge: "25%", maxUnavailable: "25%"}.cell(),
	rollouts{name: "1000-pods", size: 1, replicas: 1000, maxSurge: "25%", maxUnavailable: "25%"}.cell(),
	rollouts{name: "100x10-pods", size: 100, replicas: 10, maxSurge: "25%", maxUnavailable: "25%"}.cell(),
	{name: "handovers", measure: measureHandovers},
	{name: "admission", measure: measureAdmission},
	rollouts{name: "1000x5-pods", size: 1000, replicas: 5, maxSurge: "25%", maxUnavailable: "25%"}.cell(),
	{name: "memory", measure: measureScale},
}

func cellNames() []string {
	names := make([]string, len(cells))
	for i, cell := range cells {
		names[i] = cell.name
	}
	return names
}

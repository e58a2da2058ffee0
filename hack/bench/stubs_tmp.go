package main

import (
	"context"

	"github.com/rcroll/rcroll/hack/bench/internal/report"
)

func measureAdmission(ctx context.Context, b *bench, results *report.Results) error { return nil }
func measureScale(ctx context.Context, b *bench, results *report.Results) error     { return nil }
func (b *bench) guard(ctx context.Context, expected string, update bool) error      { return nil }

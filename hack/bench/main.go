// Command bench measures rcroll against the Deployment controller on control planes
// of its own. It writes the results to docs/results and the tables of them to
// docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rcroll/rcroll/hack/bench/internal/plane"
	"github.com/rcroll/rcroll/hack/bench/internal/report"
)

// takeDownTimeout bounds the removal of the control plane.
const takeDownTimeout = 2 * time.Minute

type config struct {
	localcluster string
	dir          string
	cells        string
	pairs        int
	out          string
	expected     string
	quick        bool
	update       bool
}

func (c *config) register(flags *flag.FlagSet) {
	flags.StringVar(&c.localcluster, "localcluster", filepath.Join("bin", "localcluster"), "localcluster executable, which boots the control planes")
	flags.StringVar(&c.dir, "dir", "", "directory to create the control planes in; empty for the default directory for temporary files")
	flags.StringVar(&c.cells, "cells", ".*", "regular expression that selects what to measure, among: "+strings.Join(cellNames(), " "))
	flags.IntVar(&c.pairs, "pairs", 7, "number of runs of each comparison")
	flags.StringVar(&c.out, "out", "docs", "directory of performance.md and results; results of cells that are not measured are kept")
	flags.BoolVar(&c.quick, "quick", false, "only compare the number of requests of one small rollout with -expected")
	flags.StringVar(&c.expected, "expected", filepath.Join("hack", "bench", "expected.json"), "file with the numbers that -quick compares with")
	flags.BoolVar(&c.update, "update", false, "with -quick, write the -expected file instead of comparing with it")
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c config
	c.register(flag.CommandLine)
	flag.Parse()
	if err := run(ctx, c); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, c config) error {
	selected, err := regexp.Compile("^(?:" + c.cells + ")$")
	if err != nil {
		return fmt.Errorf("-cells: %w", err)
	}
	if c.pairs < 1 {
		return errors.New("-pairs: must be at least 1")
	}
	b := &bench{pairs: c.pairs, progress: progress()}
	if c.quick {
		return c.onPlane(ctx, b, func() error { return b.guard(ctx, c.expected, c.update) })
	}
	document, err := report.Open(c.out)
	if err != nil {
		return err
	}
	for _, cell := range cells {
		if !selected.MatchString(cell.name) {
			continue
		}
		b.progress("%s", cell.name)
		if err := c.onPlane(ctx, b, func() error { return cell.measure(ctx, b, &document.Results) }); err != nil {
			return fmt.Errorf("measure %s: %w", cell.name, err)
		}
		if err := document.Save(); err != nil {
			return err
		}
	}
	return nil
}

// onPlane measures on a fresh control plane, and removes it.
func (c *config) onPlane(ctx context.Context, b *bench, measure func() error) (err error) {
	dir, err := os.MkdirTemp(c.dir, "rcroll-bench-")
	if err != nil {
		return fmt.Errorf("create a directory: %w", err)
	}
	if b.plane, err = plane.Boot(ctx, c.localcluster, filepath.Join(dir, "cluster")); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeDownTimeout)
		defer cancel()
		err = errors.Join(err, b.plane.Down(ctx), os.RemoveAll(dir))
	}()
	return measure()
}

// progress returns a function that prints lines, prefixed with the time since now.
func progress() func(format string, args ...any) {
	begin := time.Now()
	return func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%6.1f s  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}
}

// Package app is what the programs have in common: log, command line, signals and
// exit status.
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	restconfig "sigs.k8s.io/controller-runtime/pkg/client/config"
)

// Config is what a program can be told on its command line.
type Config interface {
	// Register adds the flags, with their defaults.
	Register(flags *flag.FlagSet)

	// Validate tells of every value that the program cannot work with.
	Validate() error
}

// Main runs a program until it is told to end, and exits with 1 if it fails.
func Main(name string, config Config, serve func(context.Context, *rest.Config) error) {
	log := logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, nil))
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	err := run(ctrl.SetupSignalHandler(), name, config, serve)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Error(err, "The program ends", "program", name)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string, config Config, serve func(context.Context, *rest.Config) error) error {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	config.Register(flags)
	restconfig.RegisterFlags(flags)
	if err := flags.Parse(os.Args[1:]); err != nil {
		return fmt.Errorf("read the command line: %w", err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("read the command line: unexpected argument %q", flags.Arg(0))
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("read the command line: %w", err)
	}
	restConfig, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	return serve(ctx, restConfig)
}

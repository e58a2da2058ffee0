// Command webhook decides what writes to ReplicationControllers mean.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	restconfig "sigs.k8s.io/controller-runtime/pkg/client/config"
)

func main() {
	log := logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, nil))
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	err := run(ctrl.SetupSignalHandler(), os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		log.Error(err, "The webhook ends")
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var c config
	flags := flag.NewFlagSet("webhook", flag.ContinueOnError)
	c.register(flags)
	restconfig.RegisterFlags(flags)
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the command line: %w", err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("read the command line: unexpected argument %q", flags.Arg(0))
	}
	if err := c.validate(); err != nil {
		return fmt.Errorf("read the command line: %w", err)
	}
	restConfig, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	return serve(ctx, restConfig, &c)
}

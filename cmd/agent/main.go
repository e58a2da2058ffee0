// Command agent takes rollouts of ReplicationControllers forward.
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

	"github.com/rcroll/rcroll/pkg/agent"
)

func main() {
	log := logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, nil))
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	err := run(ctrl.SetupSignalHandler(), os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		log.Error(err, "The agent ends")
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var config agent.Config
	flags := flag.NewFlagSet("agent", flag.ContinueOnError)
	config.Register(flags)
	restconfig.RegisterFlags(flags)
	if err := flags.Parse(args); err != nil {
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
	return agent.Run(ctx, restConfig, config)
}

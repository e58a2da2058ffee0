// Command kubectl-rolling_update is a plugin of kubectl: with it on the PATH there is
// kubectl rolling-update again.
package main

import (
	"context"
	"os"
	"os/signal"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/rcroll/rcroll/cmd/internal/version"
	"github.com/rcroll/rcroll/pkg/cli/exit"
	"github.com/rcroll/rcroll/pkg/cli/rollingupdate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	code := exit.Run(ctx, rollingupdate.NewCommand(streams, version.Get().String()), os.Stderr)
	stop()
	os.Exit(code)
}

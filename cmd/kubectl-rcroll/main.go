// Command kubectl-rcroll is a plugin of kubectl that shows, awaits and steers rolling
// updates of ReplicationControllers: kubectl rcroll.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/rcroll/rcroll/cmd/internal/version"
	"github.com/rcroll/rcroll/pkg/cli/exit"
	"github.com/rcroll/rcroll/pkg/cli/rcroll"
)

// completer is the name under which kubectl runs the program for completions.
const completer = "kubectl_complete-rcroll"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	command := rcroll.NewCommand(streams, version.Get().String())
	if filepath.Base(os.Args[0]) == completer {
		command.SetArgs(append([]string{cobra.ShellCompRequestCmd}, os.Args[1:]...))
	}
	code := exit.Run(ctx, command, os.Stderr)
	stop()
	os.Exit(code)
}

// Command oldkubectl is the last kubectl that knew rolling-update, v1.17, as far
// as the end-to-end tests need it: who still uses it must not notice rcroll.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/kubectl/pkg/cmd/rollingupdate"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	flags := genericclioptions.NewConfigFlags(true)
	root := &cobra.Command{Use: "oldkubectl", SilenceUsage: true}
	flags.AddFlags(root.PersistentFlags())
	streams := genericclioptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	root.AddCommand(rollingupdate.NewCmdRollingUpdate(cmdutil.NewFactory(flags), streams))
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Package rcroll is kubectl rcroll: it shows, awaits and steers rolling updates of
// ReplicationControllers. What it writes are edits and annotations that any other client
// can write as well; docs/annotations.md lists them.
package rcroll

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// environment is what the subcommands have in common.
type environment struct {
	genericiooptions.IOStreams
	config *genericclioptions.ConfigFlags
}

// NewCommand returns the command with its subcommands.
func NewCommand(streams genericiooptions.IOStreams, version string) *cobra.Command {
	e := &environment{IOStreams: streams, config: genericclioptions.NewConfigFlags(true)}
	root := &cobra.Command{
		Use:         "rcroll",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl rcroll"},
		Short:       "Show, await and steer rolling updates of ReplicationControllers",
		// Without this cobra takes an unknown word for an argument of the root.
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	e.config.AddFlags(root.PersistentFlags())
	root.SetOut(streams.Out)
	root.AddCommand(e.statusCommand(), e.listCommand(), e.getCommand(), e.diffCommand(), e.setCommand(),
		e.historyCommand(), e.undoCommand(), e.convertCommand(), e.policyCommand())
	for _, a := range actions {
		root.AddCommand(e.actionCommand(a))
	}
	root.AddCommand(&cobra.Command{
		Use:   "version",
		Short: "Print version, commit and commit date",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(e.Out, version)
			return err
		},
	})
	return root
}

func (e *environment) client() (*client.Client, error) {
	return client.New(e.config, e.ErrOut, mutate.CommandsManager)
}

// named is a subcommand about one ReplicationController.
func (e *environment) named(use, short string, run func(ctx context.Context, c *client.Client, name string) error) *cobra.Command {
	return &cobra.Command{
		Use:               use + " NAME",
		Short:             short,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: e.completeNames,
		RunE: func(command *cobra.Command, args []string) error {
			c, err := e.client()
			if err != nil {
				return err
			}
			return run(command.Context(), c, args[0])
		},
	}
}

// completeNames lists the users' ReplicationControllers of the namespace.
func (e *environment) completeNames(command *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := e.client()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	rcs, err := c.List(command.Context(), c.Namespace, "")
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, rc := range rcs {
		if !api.IsOwned(rc) {
			names = append(names, rc.GetName())
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

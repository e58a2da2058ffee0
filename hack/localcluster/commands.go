package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rcroll/rcroll/hack/localcluster/internal/cluster"
)

// options are the flags that all commands share.
type options struct {
	dir     string
	timeout time.Duration
}

func newCommand() *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:           "localcluster",
		Short:         "A Kubernetes control plane of plain processes, with rcroll in it",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&o.dir, "dir", "",
		"directory of the cluster (default: .local in the checkout)")
	root.PersistentFlags().DurationVar(&o.timeout, "timeout", 3*time.Minute, "timeout of the command")
	root.AddCommand(o.up(), o.down(), o.start(), o.stop(), o.restart(), o.env())
	return root
}

// with calls f with the cluster and a context that ends with the timeout.
func (o *options) with(ctx context.Context, f func(context.Context, *cluster.Cluster) error) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("locating the executable: %w", err)
	}
	c, err := cluster.New(self, o.dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	return f(ctx, c)
}

func (o *options) up() *cobra.Command {
	var up cluster.UpOptions
	command := &cobra.Command{
		Use:   "up",
		Short: "Create the cluster, or start its missing components; returns when everything serves",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(ctx context.Context, c *cluster.Cluster) error {
				up.Progress = progress(cmd.ErrOrStderr())
				if err := c.Up(ctx, up); err != nil {
					return err
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), c.ExportLine())
				return err
			})
		},
	}
	command.Flags().BoolVar(&up.Bare, "bare", false, "boot the control plane only, without rcroll")
	command.Flags().BoolVar(&up.Audit, "audit", false, "log every request to logs/audit.log in the cluster's directory")
	command.Flags().BoolVar(&up.WebhookClientCert, "webhook-client-cert", false,
		"have the API server show the webhook a client certificate, without which the webhook accepts nothing")
	command.Flags().StringVar(&up.Namespace, "namespace", "", "namespace that rcroll is installed in (default: that of its manifests)")
	return command
}

// progress returns a function that prints lines, prefixed with the time since now.
func progress(w io.Writer) func(string, ...any) {
	begin := time.Now()
	return func(format string, args ...any) {
		_, _ = fmt.Fprintf(w, "%5.1f s  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}
}

func (o *options) down() *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Stop all processes of the cluster and remove its directory",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(ctx context.Context, c *cluster.Cluster) error { return c.Down(ctx) })
		},
	}
}

func (o *options) env() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the shell command that points kubectl to the cluster",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(_ context.Context, c *cluster.Cluster) error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), c.ExportLine())
				return err
			})
		},
	}
}

func (o *options) start() *cobra.Command {
	return o.componentCommand("start", "Start a component unless it is running; returns when it serves",
		func(ctx context.Context, c *cluster.Cluster, component string) error { return c.Start(ctx, component) })
}

func (o *options) stop() *cobra.Command {
	signal := signalFlag(syscall.SIGTERM)
	command := o.componentCommand("stop", "Stop a component; returns when its process is gone",
		func(ctx context.Context, c *cluster.Cluster, component string) error {
			return c.Stop(ctx, component, syscall.Signal(signal))
		})
	command.Flags().Var(&signal, "signal", "signal to send: TERM or KILL")
	return command
}

func (o *options) restart() *cobra.Command {
	signal := signalFlag(syscall.SIGTERM)
	command := o.componentCommand("restart", "Stop a component and start it again; returns when it serves",
		func(ctx context.Context, c *cluster.Cluster, component string) error {
			return c.Restart(ctx, component, syscall.Signal(signal))
		})
	command.Flags().Var(&signal, "signal", "signal to send: TERM or KILL")
	return command
}

func (o *options) componentCommand(
	verb, short string, f func(ctx context.Context, c *cluster.Cluster, component string) error,
) *cobra.Command {
	return &cobra.Command{
		Use:       verb + " COMPONENT",
		Short:     short,
		Long:      short + ".\n\nComponents: " + strings.Join(cluster.Names, ", "),
		Args:      cobra.ExactArgs(1),
		ValidArgs: cluster.Names,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(cluster.Names, args[0]) {
				return fmt.Errorf("unknown component %q, must be one of %s", args[0], strings.Join(cluster.Names, ", "))
			}
			return o.with(cmd.Context(), func(ctx context.Context, c *cluster.Cluster) error { return f(ctx, c, args[0]) })
		},
	}
}

// signalFlag is a flag that names a signal.
type signalFlag syscall.Signal

var signals = map[string]syscall.Signal{"TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}

// String implements pflag.Value.
func (s *signalFlag) String() string {
	for name, signal := range signals {
		if signal == syscall.Signal(*s) {
			return name
		}
	}
	return ""
}

// Set implements pflag.Value.
func (s *signalFlag) Set(name string) error {
	signal, ok := signals[strings.TrimPrefix(strings.ToUpper(name), "SIG")]
	if !ok {
		return errors.New("must be TERM or KILL")
	}
	*s = signalFlag(signal)
	return nil
}

// Type implements pflag.Value.
func (s *signalFlag) Type() string { return "signal" }

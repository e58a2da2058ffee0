// Package app is what rcroll's programs have in common: command line, log, client
// configuration, signals and exit status.
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	_ "time/tzdata" // the images have no files of their own

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	restconfig "sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/rcroll/rcroll/cmd/internal/version"
)

// Config holds the flags of one program.
type Config interface {
	// Register adds the flags, with their defaults.
	Register(flags *pflag.FlagSet)

	// Validate returns an error that names every flag with an invalid value.
	Validate() error
}

// Program is one of rcroll's programs.
type Program struct {
	// Name is what help and version call the program. The user agent of a command begins
	// with that of its program.
	Name string

	// Short describes the program in one line.
	Short string

	Config Config

	// Serve runs until the context ends.
	Serve func(context.Context, *rest.Config) error

	// Commands are what the executable does besides, by its first argument.
	Commands []Program
}

// Main runs a program until SIGINT or SIGTERM, and exits with 1 if it fails.
func Main(p Program) {
	logging := defaultLogging
	if err := newCommand(p, &logging).ExecuteContext(ctrl.SetupSignalHandler()); err != nil {
		newLogger(os.Stderr, logging).Error(err, "Program failed", "program", p.Name)
		os.Exit(1)
	}
}

// newCommand returns the program's command, which sets the logging options to those
// of its flags.
func newCommand(p Program, logging *logging) *cobra.Command {
	command := &cobra.Command{
		Use:           p.Name,
		Short:         p.Short,
		Version:       version.Get().String(),
		Args:          cobra.NoArgs,
		SilenceErrors: true, // Main logs them
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(logging.validate(), p.Config.Validate()); err != nil {
				return fmt.Errorf("invalid flags: %w", err)
			}
			setLogger(newLogger(cmd.ErrOrStderr(), *logging))
			return run(cmd.Context(), p, strings.ReplaceAll(cmd.CommandPath(), " ", "-"))
		},
	}
	command.CompletionOptions.DisableDefaultCmd = true
	for _, sub := range p.Commands {
		command.AddCommand(newCommand(sub, logging))
	}
	flags := command.Flags()
	p.Config.Register(flags)
	defaultNamespace(flags, namespaceFile)
	logging.register(flags)
	flags.AddGoFlagSet(kubeconfigFlags())
	// cobra would add the shorthand -v, which elsewhere in Kubernetes is the log level.
	flags.Bool("version", false, "print version, commit and commit date, and exit")
	return command
}

// run serves as what the API server and the log know the program as.
func run(ctx context.Context, p Program, name string) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("load kubeconfig: %w", err)
	}
	build := version.Get()
	setUserAgent(config, build.UserAgent(name))
	ctrl.Log.Info("Starting", "program", name, "version", build.Version, "commit", build.Commit)
	return p.Serve(ctx, config)
}

// namespaceFile is there in every pod with a token of its ServiceAccount.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// defaultNamespace makes the namespace of the pod, if this runs in one, the default of
// --namespace, if the program has that flag.
func defaultNamespace(flags *pflag.FlagSet, file string) {
	content, err := os.ReadFile(file) //nolint:gosec // a constant, tests aside
	namespace := flags.Lookup("namespace")
	if err != nil || namespace == nil {
		return
	}
	// The value of a string flag takes any text.
	_ = namespace.Value.Set(strings.TrimSpace(string(content)))
	namespace.DefValue = namespace.Value.String()
}

// kubeconfigFlags returns the flag that ctrl.GetConfig reads, --kubeconfig, which
// controller-runtime adds to flag sets of the standard library only.
func kubeconfigFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	restconfig.RegisterFlags(flags)
	flags.Lookup(restconfig.KubeconfigFlagName).Usage = "path to a kubeconfig file; by default $KUBECONFIG, the pod's service account or ~/.kube/config"
	return flags
}

// setLogger makes rcroll, controller-runtime and client-go log to the same place.
// controller-runtime keeps the first logger that it is given.
func setLogger(log logr.Logger) {
	ctrl.SetLogger(log)
	klog.SetLogger(log)
}

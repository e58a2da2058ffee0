// Package rollingupdate is kubectl rolling-update, with the flags, the output and the
// errors that it had until Kubernetes 1.17, on top of the rolling updates of the
// cluster: the command makes the edit, and tells what the cluster does. What differs is
// in docs/rolling-update.md.
package rollingupdate

import (
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/cli/exit"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// The old command's defaults.
const (
	defaultTimeout = 5 * time.Minute
	defaultPoll    = 3 * time.Second
)

const long = `Perform a rolling update of the given ReplicationController.

Replaces the pods of the ReplicationController by pods of another template, one at a time. The cluster does it, so that it goes on
when this command is interrupted; the same command again follows it further. The ReplicationController keeps its name and its UID,
unless another name is given: then one of that name takes over its pods in the end, and it is deleted.`

const examples = `  # Update the pods of frontend by just changing the image.
  kubectl rolling-update frontend --image=image:v2

  # Update the pods of frontend-v1 to the template in frontend-v2.json, and rename it if the file has another name.
  kubectl rolling-update frontend-v1 -f frontend-v2.json

  # Update the pods of frontend-v1 by just changing the image, and switch the name of the ReplicationController.
  kubectl rolling-update frontend-v1 frontend-v2 --image=image:v2

  # Abort and reverse a rollout in progress.
  kubectl rolling-update frontend --rollback`

// options are the flags and arguments.
type options struct {
	genericiooptions.IOStreams
	config *genericclioptions.ConfigFlags
	print  *genericclioptions.PrintFlags

	name string

	// newName is the name in the end; empty if it stays what it is.
	newName string

	// file is what --filename names, once it is read.
	file *unstructured.Unstructured

	filenames  []string
	image      string
	container  string
	pullPolicy string
	key        string
	rollback   bool
	dryRun     bool
	timeout    time.Duration
	poll       time.Duration

	// period is nil if the flag was not given: then the setting is left alone.
	period     *time.Duration
	periodFlag time.Duration
}

// NewCommand returns the command.
func NewCommand(streams genericiooptions.IOStreams, version string) *cobra.Command {
	o := &options{
		IOStreams: streams,
		config:    genericclioptions.NewConfigFlags(true).WithWarningPrinter(streams),
		print:     genericclioptions.NewPrintFlags("rolling updated"),
	}
	command := &cobra.Command{
		Use:         "rolling-update OLD_CONTROLLER_NAME ([NEW_CONTROLLER_NAME] --image=NEW_CONTAINER_IMAGE | -f NEW_CONTROLLER_SPEC)",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl rolling-update"},
		Short:       "Perform a rolling update of the given ReplicationController",
		Long:        long,
		Example:     examples,
		Version:     version,

		DisableFlagsInUseLine: true,
		RunE: func(command *cobra.Command, args []string) error {
			if err := o.complete(command, args); err != nil {
				return err
			}
			c, err := client.New(o.config, o.ErrOut, mutate.CommandsManager)
			if err != nil {
				return err
			}
			return o.run(command.Context(), c)
		},
	}
	o.register(command)
	return command
}

func (o *options) register(command *cobra.Command) {
	flags := command.Flags()
	flags.DurationVar(&o.periodFlag, "update-period", 0, "Time to wait between updating pods: sets the annotation "+api.UpdatePeriodAnnotation+". Without this flag that is left as it is.")
	flags.DurationVar(&o.poll, "poll-interval", defaultPoll, "Not used: the command watches, and does not poll.")
	flags.DurationVar(&o.timeout, "timeout", defaultTimeout, "Max time to wait for any progress before this command gives up waiting; the rolling update goes on. Zero means to wait for ever.")
	flags.StringSliceVarP(&o.filenames, "filename", "f", nil, "Filename or URL to file with the ReplicationController's new template.")
	flags.StringVar(&o.image, "image", "", "Image to use for upgrading the replication controller. Can not be used with --filename/-f")
	flags.StringVar(&o.key, "deployment-label-key", api.DefaultHashLabelKey, "Not used: the key of the label with the hash is set where rcroll is installed.")
	flags.StringVar(&o.container, "container", "", "Container name which will have its image upgraded. Only relevant when --image is specified, ignored otherwise. Required when using --image on a multi-container pod")
	flags.StringVar(&o.pullPolicy, "image-pull-policy", "", "Explicit policy for when to pull container images. Required when --image is same as existing image.")
	flags.BoolVar(&o.rollback, "rollback", false, "If true, this is a request to abort an existing rollout that is partially rolled out.")
	flags.BoolVar(&o.dryRun, "dry-run", false, "If true, only print what would be rolled out, without doing it.")
	flags.Bool("version", false, "print version, commit and commit date, and exit")
	_ = flags.SetAnnotation("filename", cobra.BashCompFilenameExt, resource.FileExtensions)
	o.print.AddFlags(command)
	o.config.AddFlags(command.PersistentFlags())
}

func (o *options) complete(command *cobra.Command, args []string) error {
	if command.Flags().Changed("update-period") {
		o.period = &o.periodFlag
	}
	if err := o.validate(command, args); err != nil {
		return err
	}
	o.name = args[0]
	if len(args) == 2 {
		o.newName = args[1]
	}
	if o.newName == o.name {
		return errSameName(o.name)
	}
	return nil
}

// validate checks the arguments as the old command did; but for an image with --rollback,
// which says what the rollback is to lead to.
func (o *options) validate(command *cobra.Command, args []string) error {
	var problems []error
	wrong := func(is bool, err error) {
		if is {
			problems = append(problems, exit.Usage(command, err))
		}
	}
	wrong(o.key == "", errNoKey)
	wrong(len(o.filenames) > 1, errFilenames)
	wrong(!o.rollback && len(o.filenames) == 0 && o.image == "", errNoTemplate)
	wrong(!o.rollback && len(o.filenames) > 0 && o.image != "", errTwoTemplates)
	wrong(o.rollback && len(o.filenames) > 0, errRollbackFile)
	wrong(len(args) < 1, errNoName)
	wrong(len(args) > 2, errTooManyNames(args))
	return utilerrors.NewAggregate(problems)
}

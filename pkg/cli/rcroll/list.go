package rcroll

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/progress"
)

// listing are the flags of list.
type listing struct {
	allNamespaces bool
	selector      string
	output        string
}

func (e *environment) listCommand() *cobra.Command {
	l := &listing{}
	command := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List ReplicationControllers, and how far their rolling updates are",
		Args:    cobra.NoArgs,
		RunE:    func(command *cobra.Command, _ []string) error { return e.list(command.Context(), *l) },
	}
	flags := command.Flags()
	flags.BoolVarP(&l.allNamespaces, "all-namespaces", "A", false, "List those of all namespaces.")
	flags.StringVarP(&l.selector, "selector", "l", "", "Label selector.")
	flags.StringVarP(&l.output, "output", "o", "", "Output format. One of: (json, yaml, name, wide).")
	return command
}

func (e *environment) list(ctx context.Context, l listing) error {
	c, err := e.client()
	if err != nil {
		return err
	}
	namespace := c.Namespace
	if l.allNamespaces {
		namespace = ""
	}
	// Owned ones have the labels of their owner, but a user may have changed those since.
	all, err := c.List(ctx, namespace, "")
	if err != nil {
		return err
	}
	selected := all
	if l.selector != "" {
		if selected, err = c.List(ctx, namespace, l.selector); err != nil {
			return err
		}
	}
	known, err := c.KnownPolicies(ctx, namespace)
	if err != nil {
		return err
	}
	selected = slices.DeleteFunc(slices.Clone(selected), func(rc *unstructured.Unstructured) bool { return api.IsOwned(rc) })
	switch l.output {
	case "", "wide":
		return printTable(e.Out, rolloutsOf(known, selected, all), l.allNamespaces, l.output == "wide")
	case "json", "yaml", "name":
		return e.printObjects(selected, l.output)
	}
	return errOutput(l.output)
}

// rolloutsOf reads the rollout of each of the selected. There may be ten thousand, so each
// is shown only what it owns.
func rolloutsOf(known *client.KnownPolicies, selected, all []*unstructured.Unstructured) []progress.Rollout {
	owned := map[types.UID][]*unstructured.Unstructured{}
	for _, rc := range all {
		if api.IsOwned(rc) {
			owner := api.ControllerOf(rc).UID
			owned[owner] = append(owned[owner], rc)
		}
	}
	rollouts := make([]progress.Rollout, len(selected))
	for i, rc := range selected {
		rollouts[i] = known.Rollout(rc, owned[rc.GetUID()])
	}
	return rollouts
}

// printObjects prints the ReplicationControllers themselves.
func (e *environment) printObjects(rcs []*unstructured.Unstructured, format string) error {
	if format == "name" {
		for _, rc := range rcs {
			if err := (&printers.NamePrinter{}).PrintObj(rc, e.Out); err != nil {
				return err
			}
		}
		return nil
	}
	printer, err := genericclioptions.NewJSONYamlPrintFlags().ToPrinter(format)
	if err != nil {
		return err
	}
	items := make([]any, len(rcs))
	for i, rc := range rcs {
		items[i] = rc.Object
	}
	list := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "List", "items": items}}
	return printer.PrintObj(list, e.Out)
}

// printTable prints a line for each ReplicationController.
func printTable(out io.Writer, rollouts []progress.Rollout, namespaces, wide bool) error {
	w := printers.GetNewTabWriter(out)
	header := []string{"NAME", "PHASE", "UPDATED", "DESIRED", "IMAGES", "REQUESTED"}
	if namespaces {
		header = append([]string{"NAMESPACE"}, header...)
	}
	if wide {
		header = append(header, "REASON", "BY", "NEW")
	}
	_, _ = fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, r := range rollouts {
		row := []string{r.Name(), phase(r), fmt.Sprint(r.Updated()), fmt.Sprint(r.Desired), images(r.Live), requested(r)}
		if namespaces {
			row = append([]string{r.Namespace}, row...)
		}
		if wide {
			row = append(row, orNone(r.Reason), orNone(r.RequestedBy), orNone(r.NewName))
		}
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// phase is the phase, and the step.
func phase(r progress.Rollout) string {
	if step := r.StepText(); step != "" {
		return fmt.Sprintf("%s (%s)", r.Phase, step)
	}
	return string(r.Phase)
}

func requested(r progress.Rollout) string {
	if r.Requested == nil {
		return "<none>"
	}
	return images(r.Requested)
}

func orNone(text string) string {
	if text == "" {
		return "<none>"
	}
	return text
}

package rcroll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/cli/exit"
	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/pkg/rollout"
)

const getLong = `Show a rolling update: the ReplicationControllers that take part, and their pods.

With --watch a terminal shows it as it goes on, in place and in colours, until it is interrupted. NO_COLOR and --no-color
turn the colours off. What is no terminal, or one with TERM=dumb, gets the plain text again whenever it changes.`

func (e *environment) getCommand() *cobra.Command {
	var watch, noColor bool
	var output string
	command := e.named("get", "Show a rolling update: the ReplicationControllers that take part, and their pods", func(ctx context.Context, c *client.Client, name string) error {
		if output != "" && output != "wide" {
			return e.getObject(ctx, c, name, output)
		}
		return e.get(ctx, c, name, watch, noColor)
	})
	command.Long = getLong
	command.Flags().BoolVarP(&watch, "watch", "w", false, "Show it again whenever it changes.")
	command.Flags().BoolVar(&noColor, "no-color", false, "Without colours.")
	command.Flags().StringVarP(&output, "output", "o", "", "Output format. One of: (json, yaml, name, wide).")
	return command
}

func (e *environment) getObject(ctx context.Context, c *client.Client, name, format string) error {
	rc, err := c.Get(ctx, name)
	if err != nil {
		return err
	}
	if format == "name" {
		return (&printers.NamePrinter{}).PrintObj(rc, e.Out)
	}
	printer, err := genericclioptions.NewJSONYamlPrintFlags().ToPrinter(format)
	if err != nil {
		return errOutput(format)
	}
	return printer.PrintObj(rc, e.Out)
}

func (e *environment) get(ctx context.Context, c *client.Client, name string, watch, noColor bool) error {
	rc, others, err := c.ReadAll(ctx, name)
	if err != nil {
		return err
	}
	if !watch {
		pods, err := c.Pods(ctx, rc, others)
		if err != nil {
			return err
		}
		known, err := c.KnownPolicies(ctx, c.Namespace)
		if err != nil {
			return err
		}
		text, err := drawTree(known.Rollout(rc, others), podsByOwner(pods))
		_, _ = fmt.Fprint(e.Out, text)
		return err
	}
	if screen := newScreen(e.Out, noColor); screen != nil {
		err = e.live(ctx, c, rc, screen)
	} else {
		err = e.plain(ctx, c, rc)
	}
	if errors.Is(err, context.Canceled) {
		return &exit.Error{Code: exit.Interrupted, Err: errSilent}
	}
	return err
}

// errSilent says nothing: the exit code does.
var errSilent = errors.New("")

// plain prints the whole again whenever it changes.
func (e *environment) plain(ctx context.Context, c *client.Client, rc *unstructured.Unstructured) error {
	var told string
	return c.Follow(ctx, rc, client.Following{Pods: true}, func(seen client.Seen) (bool, error) {
		if seen.RC == nil || seen.RC.GetUID() != rc.GetUID() {
			return true, errDeleted("rc/" + rc.GetName())
		}
		text, err := drawTree(seen.Rollout(), podsByOwner(seen.Pods))
		if err != nil || text == told {
			return false, err
		}
		if told != "" {
			text, told = "\n"+text, text
		} else {
			told = text
		}
		_, _ = fmt.Fprint(e.Out, text)
		return false, nil
	})
}

func podsByOwner(pods []*unstructured.Unstructured) map[types.UID][]*unstructured.Unstructured {
	owned := map[types.UID][]*unstructured.Unstructured{}
	for _, pod := range pods {
		if owner := metav1.GetControllerOf(pod); owner != nil {
			owned[owner.UID] = append(owned[owner.UID], pod)
		}
	}
	for _, list := range owned {
		slices.SortFunc(list, func(a, b *unstructured.Unstructured) int { return strings.Compare(a.GetName(), b.GetName()) })
	}
	return owned
}

// drawTree draws the ReplicationController, what it owns, and the pods of each.
func drawTree(r progress.Rollout, pods map[types.UID][]*unstructured.Unstructured) (string, error) {
	var text strings.Builder
	w := printers.GetNewTabWriter(&text)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row("NAME", "STATE", "DESIRED", "PODS", "AVAILABLE", "IMAGES")
	root := r.RC
	row(root.Name, string(r.Phase), fmt.Sprint(r.Desired), counts(root, "\t"), images(r.Live))
	children := r.Old
	if r.New != nil {
		children = append([]rollout.Member{*r.New}, children...)
	}
	for i, pod := range pods[root.UID] {
		row(podRow("", pod, i == len(pods[root.UID])-1 && len(children) == 0)...)
	}
	for i, child := range children {
		branch, indent := "├─", "│  "
		if i == len(children)-1 {
			branch, indent = "└─", "   "
		}
		state, image := "old", ""
		if r.New != nil && child.UID == r.New.UID {
			state = "new"
			image = requested(r)
		}
		row(branch+child.Name, state, fmt.Sprint(child.Replicas), counts(child, "\t"), image)
		for j, pod := range pods[child.UID] {
			row(podRow(indent, pod, j == len(pods[child.UID])-1)...)
		}
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	if step := r.StepText(); step != "" {
		fmt.Fprintf(&text, "%s: %s\n", api.StepsAnnotation, step)
	}
	if r.Message != "" && r.Phase != progress.Complete {
		fmt.Fprintf(&text, "%s: %s\n", r.Reason, r.Message)
	}
	return text.String(), nil
}

func counts(m rollout.Member, separator string) string {
	return fmt.Sprint(m.Pods) + separator + fmt.Sprint(m.Available)
}

func podRow(indent string, pod *unstructured.Unstructured, last bool) []string {
	branch := "├─"
	if last {
		branch = "└─"
	}
	return []string{indent + branch + "pod/" + pod.GetName(), podState(pod)}
}

// podState is the phase of a pod, and whether it is ready.
func podState(pod *unstructured.Unstructured) string {
	phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase")
	if pod.GetDeletionTimestamp() != nil {
		return "Terminating"
	}
	conditions, _, _ := unstructured.NestedSlice(pod.Object, "status", "conditions")
	for _, condition := range conditions {
		fields, _ := condition.(map[string]any)
		if fields["type"] == "Ready" && fields["status"] == "True" {
			return phase + ", ready"
		}
	}
	return phase + ", not ready"
}

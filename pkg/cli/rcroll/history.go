package rcroll

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/history"
	"github.com/rcroll/rcroll/pkg/progress"
)

// past is a ReplicationController and its history.
type past struct {
	rc      *unstructured.Unstructured
	rollout progress.Rollout

	// objects are the revisions as they are stored, the oldest first, and revisions what
	// they say.
	objects   []*appsv1.ControllerRevision
	revisions []history.Revision
}

func readPast(ctx context.Context, c *client.Client, name string) (past, error) {
	rc, r, err := c.Read(ctx, name)
	if err != nil {
		return past{}, err
	}
	objects, err := c.Revisions(ctx, rc)
	if err != nil {
		return past{}, err
	}
	return pastOf(rc, r, objects), nil
}

func pastOf(rc *unstructured.Unstructured, r progress.Rollout, objects []*appsv1.ControllerRevision) past {
	p := past{rc: rc, rollout: r, objects: objects}
	for _, object := range objects {
		p.revisions = append(p.revisions, history.Of(object))
	}
	return p
}

// find returns the position of the revision with a number.
func (p past) find(number int64) (int, error) {
	for i, revision := range p.revisions {
		if revision.Number == number {
			return i, nil
		}
	}
	return 0, errNoRevision(p.rollout.Ref(), number)
}

// liveHash is that of the live template.
func (p past) liveHash() string { return p.rollout.Live.Hash(hashKeyOf(p.rollout.Live)) }

// hashKeyOf is the key of the hash label, which the webhook may have been given another one
// for. Without one there is nothing that has to be told from the user's labels.
func hashKeyOf(spec api.Spec) string {
	labels := spec.TemplateLabels()
	for key, value := range spec.Selector() {
		if !strings.HasPrefix(key, api.Prefix) && api.IsHash(value) && labels[key] == value {
			return key
		}
	}
	return api.DefaultHashLabelKey
}

func (e *environment) historyCommand() *cobra.Command {
	var number int64
	var output string
	command := e.named("history", "List the revisions of a ReplicationController, or show one", func(ctx context.Context, c *client.Client, name string) error {
		p, err := readPast(ctx, c, bare(name))
		if err != nil {
			return err
		}
		return e.history(p, number, output, time.Now())
	})
	command.Flags().Int64Var(&number, "revision", 0, "Show the pod template of this revision.")
	command.Flags().StringVarP(&output, "output", "o", "", "Output format. One of: (json, yaml, name, wide).")
	e.completeRevisions(command, "revision")
	return command
}

func (e *environment) history(p past, number int64, output string, now time.Time) error {
	shown := p.objects
	if number != 0 {
		i, err := p.find(number)
		if err != nil {
			return err
		}
		shown = p.objects[i : i+1]
	}
	switch output {
	case "", "wide":
		if number != 0 {
			return e.printTemplate(p, shown[0])
		}
		return e.printHistory(p, output == "wide", now)
	case "name":
		for _, object := range shown {
			if err := (&printers.NamePrinter{}).PrintObj(object, e.Out); err != nil {
				return err
			}
		}
		return nil
	}
	return e.printRevisions(shown, number != 0, output)
}

// printRevisions prints the objects: one by itself, or a list.
func (e *environment) printRevisions(objects []*appsv1.ControllerRevision, alone bool, format string) error {
	printer, err := genericclioptions.NewJSONYamlPrintFlags().ToPrinter(format)
	if err != nil {
		return errOutput(format)
	}
	if alone {
		return printer.PrintObj(objects[0], e.Out)
	}
	items := make([]any, len(objects))
	for i, object := range objects {
		if items[i], err = runtime.DefaultUnstructuredConverter.ToUnstructured(object); err != nil {
			return err
		}
	}
	return printer.PrintObj(&unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "List", "items": items}}, e.Out)
}

// printTemplate shows what pods of a revision run.
func (e *environment) printTemplate(p past, object *appsv1.ControllerRevision) error {
	spec, err := history.SpecOf(object)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(spec["template"])
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.Out, "%s with revision #%d\n%s", p.rollout.Ref(), object.Revision, text)
	return err
}

// printHistory prints a line for each revision.
func (e *environment) printHistory(p past, wide bool, now time.Time) error {
	w := printers.GetNewTabWriter(e.Out)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	if len(p.revisions) == 0 {
		return errNoHistory(p.rollout.Ref())
	}
	header := []string{"REVISION", "LIVE", "IMAGES", "RESULT", "REQUESTED", "CHANGE-CAUSE"}
	if wide {
		header = append(header, "BY", "DURATION", "NAME")
	}
	row(header...)
	live := p.liveHash()
	for i, revision := range p.revisions {
		spec, err := history.SpecOf(p.objects[i])
		if err != nil {
			return err
		}
		mark, age, took := "", "<unknown>", "<none>"
		if revision.Hash == live {
			mark = "*"
		}
		if !revision.RequestedAt.IsZero() {
			age = duration.HumanDuration(now.Sub(revision.RequestedAt)) + " ago"
		}
		if revision.Duration > 0 {
			took = duration.HumanDuration(revision.Duration)
		}
		cells := []string{fmt.Sprint(revision.Number), mark, images(spec), p.result(revision), age, orNone(revision.ChangeCause)}
		if wide {
			cells = append(cells, orNone(revision.RequestedBy), took, p.objects[i].Name)
		}
		row(cells...)
	}
	return w.Flush()
}

// result is what became of a rollout; of one that is under way, how far it is.
func (p past) result(revision history.Revision) string {
	if revision.Result == history.Progressing && p.rollout.Phase.Pending() {
		return string(p.rollout.Phase)
	}
	return orNone(string(revision.Result))
}

// bare is the name of a ReplicationController without its kind, as kubectl takes both.
func bare(name string) string {
	for _, kind := range []string{"rc/", "replicationcontroller/", "replicationcontrollers/"} {
		if found, ok := strings.CutPrefix(name, kind); ok {
			return found
		}
	}
	return name
}

// completeRevisions completes the numbers of the revisions.
func (e *environment) completeRevisions(command *cobra.Command, flag string) {
	_ = command.RegisterFlagCompletionFunc(flag, func(command *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		c, err := e.client()
		if err != nil || len(args) != 1 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		p, err := readPast(command.Context(), c, bare(args[0]))
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var numbers []string
		for i, revision := range p.revisions {
			if spec, err := history.SpecOf(p.objects[i]); err == nil {
				numbers = append(numbers, strconv.FormatInt(revision.Number, 10)+"\t"+images(spec))
			}
		}
		return numbers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	})
}

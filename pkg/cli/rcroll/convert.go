package rcroll

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/progress"
)

func (e *environment) convertCommand() *cobra.Command {
	output := "yaml"
	command := e.named("convert", "Print a Deployment in place of a ReplicationController, and the steps there", func(ctx context.Context, c *client.Client, name string) error {
		rc, r, err := c.Read(ctx, bare(name))
		if err != nil {
			return err
		}
		return e.convert(rc, r, output)
	})
	command.Long = `Print a Deployment with the pod template, replicas and strategy of a ReplicationController, and, on stderr, how to
get there without downtime and what differs then. Nothing is changed in the cluster.`
	command.Flags().StringVarP(&output, "output", "o", output, "Output format. One of: (json, yaml).")
	return command
}

func (e *environment) convert(rc *unstructured.Unstructured, r progress.Rollout, format string) error {
	if r.Phase.Pending() {
		return errConvertsLater(r.Ref())
	}
	printer, err := genericclioptions.NewJSONYamlPrintFlags().ToPrinter(format)
	if err != nil {
		return errConvertOutput(format)
	}
	if err := printer.PrintObj(deploymentOf(rc, r), e.Out); err != nil {
		return err
	}
	_, err = fmt.Fprint(e.ErrOut, conversionSteps(r.RC.Name, settingsLost(rc.GetAnnotations())))
	return err
}

// deploymentOf is the Deployment. It is untyped, so that fields of the template that this
// build does not know are kept.
func deploymentOf(rc *unstructured.Unstructured, r progress.Rollout) *unstructured.Unstructured {
	settings := rc.GetAnnotations()
	live := r.Live.Unlabelled(hashKeyOf(r.Live))
	selector := live.Selector()
	if len(selector) == 0 {
		selector = live.TemplateLabels()
	}
	minReady, _ := live["minReadySeconds"].(int64)
	spec := map[string]any{
		"replicas": int64(r.Desired),
		"selector": map[string]any{"matchLabels": untyped(selector)},
		"template": live.DeepCopy()["template"],
		"strategy": map[string]any{"type": "RollingUpdate", "rollingUpdate": map[string]any{
			"maxSurge":       amount(settings[api.MaxSurgeAnnotation], "1"),
			"maxUnavailable": amount(settings[api.MaxUnavailableAnnotation], "0"),
		}},
		// The API server wants more than minReadySeconds, in full seconds.
		"progressDeadlineSeconds": max(int64((r.Strategy.ProgressDeadline+time.Second-1)/time.Second), minReady+1),
	}
	if minReady > 0 {
		spec["minReadySeconds"] = minReady
	}
	metadata := map[string]any{"name": rc.GetName(), "namespace": rc.GetNamespace()}
	for field, values := range map[string]map[string]string{"labels": rc.GetLabels(), "annotations": settings} {
		kept := maps.Clone(values)
		maps.DeleteFunc(kept, func(key, _ string) bool {
			return strings.HasPrefix(key, api.Prefix) || key == corev1.LastAppliedConfigAnnotation
		})
		if len(kept) > 0 {
			metadata[field] = untyped(kept)
		}
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec,
	}}
}

// amount is a number or a percentage, as a Deployment has it.
func amount(setting, defaultTo string) any {
	parsed := intstr.Parse(cmp.Or(setting, defaultTo))
	if parsed.Type == intstr.Int {
		return int64(parsed.IntVal)
	}
	return parsed.StrVal
}

func untyped(values map[string]string) map[string]any {
	out := make(map[string]any, len(values))
	for key, value := range values {
		out[key] = value
	}
	return out
}

// settingsLost are those that a Deployment has no field for.
func settingsLost(settings map[string]string) []string {
	var lost []string
	for _, key := range []string{api.UpdatePeriodAnnotation, api.OnFailureAnnotation, api.PausedAnnotation} {
		if value, set := settings[key]; set {
			lost = append(lost, key+"="+value)
		}
	}
	return lost
}

package rcroll

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/policy"
	"github.com/rcroll/rcroll/pkg/rollout"
)

func (e *environment) policyCommand() *cobra.Command {
	command := &cobra.Command{Use: "policy", Short: "Show what RolloutPolicies say", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() }}
	explain := e.named("explain", "Show which RolloutPolicies are about a ReplicationController, and what each contributes", e.explain)
	explain.Long = "Show which RolloutPolicies are about a ReplicationController (NAME or rc/NAME), what each contributes,\n" +
		"what holds a rolling update now, and when it may begin."
	command.AddCommand(explain)
	return command
}

func (e *environment) explain(ctx context.Context, c *client.Client, name string) error {
	rc, _, err := c.ReadAll(ctx, strings.TrimPrefix(name, "rc/"))
	if err != nil {
		return err
	}
	policies, err := c.Policies(ctx)
	if err != nil {
		return err
	}
	labels, err := c.NamespaceLabels(ctx)
	if err != nil {
		return err
	}
	effective := policy.Compile(policies).For(policy.Target{NamespaceLabels: labels, Labels: rc.GetLabels()})
	if len(effective) == 0 {
		e.say("rc/" + rc.GetName() + ": no RolloutPolicy is about it")
		return nil
	}
	_, from := effective.Defaults()
	for _, p := range effective {
		e.say("RolloutPolicy " + p.Name)
		for _, line := range p.Explain(p.Name == from) {
			e.say("  " + line)
		}
	}
	conditions, err := rollout.ConditionsOf(rc)
	if err != nil {
		return err
	}
	e.say(holdLine(effective, rc.GetAnnotations(), rollout.FindCondition(conditions, rollout.Progressing), time.Now()))
	return nil
}

// holdLine says what holds a rolling update now. Whose turn it is the agent tells, in the
// conditions.
func holdLine(effective policy.Effective, annotations map[string]string, progressing *corev1.ReplicationControllerCondition, now time.Time) string {
	overridden := api.OverriddenPolicies(annotations, now)
	_, requested := annotations[api.RequestAnnotation]
	if hold := effective.Hold(now, false, overridden); hold != nil {
		return fmt.Sprintf("a rolling update does not begin now: %s", hold.Message)
	}
	if requested && progressing != nil && progressing.Reason == rollout.ReasonQueued {
		return "the rolling update waits: " + progressing.Message
	}
	if message := effective.TurnMessage(overridden); message != "" {
		return "a rolling update may begin now, in its turn: " + message
	}
	if len(overridden) > 0 {
		return "a rolling update may begin now: overridden is RolloutPolicy " + strings.Join(overridden, ", ")
	}
	return "a rolling update may begin now"
}

package rcroll

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/cli/exit"
	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/golden/messages"
)

func spec(image string) api.Spec {
	return api.Spec{"replicas": int64(5), "template": map[string]any{"spec": map[string]any{
		"containers":     []any{map[string]any{"name": "tomcat", "image": image}},
		"initContainers": []any{map[string]any{"name": "setup", "image": "busybox:1"}}}}}
}

// at is a rollout from tomcat:7 to tomcat:8 in some phase.
func at(phase progress.Phase) progress.Rollout {
	r := progress.Rollout{Namespace: "shop", Phase: phase, Desired: 5, Live: spec("tomcat:7"), RC: rollout.Member{Name: "tomcat", UID: "1", Replicas: 5, Pods: 5, Available: 5}}
	if phase.Pending() {
		r.Requested, r.RequestedBy, r.NewName = spec("tomcat:8"), "alice", "tomcat-0123"
		r.New = &rollout.Member{Name: "tomcat-0123", UID: "2", Replicas: 1, Pods: 1}
	}
	if phase == progress.Failed || phase == progress.RolledBack {
		r.Reason, r.Message = "ImagePullBackOff", "no progress for 6s: ImagePullBackOff"
	}
	return r
}

const hash = "2ff5d944c68983aa9e1b8694e06b0d05"

// atStep is a rollout at a step of four.
func atStep(number int) progress.Rollout {
	r := at(progress.Rolling)
	r.RequestedHash, r.Step = hash, number
	r.Strategy.Steps = []api.Step{{}, {Pause: true}, {}, {Pause: true, Duration: 10 * time.Minute}}
	return r
}

// atPause is one at the second step, a pause that needs an approval if it has no duration.
func atPause(duration time.Duration) progress.Rollout {
	r := atStep(2)
	r.Phase, r.Pause = progress.PausedAtStep, &api.Step{Pause: true, Duration: duration}
	return r
}

// A gate opens at the very end only, and each other end has a code of its own.
// atUnknownStep is at a pause of a policy that the user may not read.
func atUnknownStep() progress.Rollout {
	r := at(progress.PausedAtStep)
	r.Message = "Paused at step 2 of 4, with 1 of 5 pods of tomcat-0123, waiting for approval: kubectl annotate rc/tomcat --overwrite rcroll.dev/approve=0123/2"
	return r
}

func TestGate(t *testing.T) {
	promoted := at(progress.Complete)
	promoted.Live = spec("tomcat:8")
	for name, c := range map[string]struct {
		seen []progress.Rollout
		over bool
		code int
	}{
		"done":                 {[]progress.Rollout{at(progress.Complete)}, true, 0},
		"fulfilled":            {[]progress.Rollout{at(progress.Rolling), at(progress.Promoting), promoted}, true, 0},
		"rolling":              {[]progress.Rollout{at(progress.Rolling)}, false, 0},
		"promoting":            {[]progress.Rollout{at(progress.Promoting)}, false, 0},
		"rolling back":         {[]progress.Rollout{at(progress.RollingBack)}, false, 0},
		"pods are missing":     {[]progress.Rollout{at(progress.Settling)}, false, 0},
		"failed":               {[]progress.Rollout{at(progress.Failed)}, true, exitFailed},
		"rolled back":          {[]progress.Rollout{at(progress.RolledBack)}, true, exitRolledBack},
		"cancelled":            {[]progress.Rollout{at(progress.Rolling), at(progress.Complete)}, true, exitRolledBack},
		"paused":               {[]progress.Rollout{at(progress.Rolling), at(progress.Paused)}, true, exitPaused},
		"at a step":            {[]progress.Rollout{atStep(3)}, false, 0},
		"needs an approval":    {[]progress.Rollout{atPause(0)}, true, exitPaused},
		"pauses for a time":    {[]progress.Rollout{atPause(time.Minute)}, false, 0},
		"cancelled at a pause": {[]progress.Rollout{atPause(0), at(progress.Complete)}, true, exitRolledBack},
		"deleted in the midst": {[]progress.Rollout{at(progress.Rolling), at(progress.Deleting)}, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := &gate{}
			var over bool
			var err error
			for _, r := range c.seen {
				_, over, err = g.observe(r)
			}
			assert.Equal(t, c.over, over)
			with := &exit.Error{Code: 1}
			errors.As(err, &with)
			assert.Equal(t, c.code != 0, err != nil)
			if err != nil {
				assert.Equal(t, c.code, with.Code)
			}
		})
	}
}

// TestGateOfAPause: where the pause of a step is a success, that of a user is none.
func TestGateOfAPause(t *testing.T) {
	for name, c := range map[string]struct {
		seen progress.Rollout
		over bool
		err  bool
	}{
		"needs an approval": {atPause(0), true, false},
		"pauses for a time": {atPause(time.Minute), true, false},
		"done":              {at(progress.Complete), true, false},
		"on its way":        {atStep(1), false, false},
		"paused by a user":  {at(progress.Paused), true, true},
		"failed":            {at(progress.Failed), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, over, err := (&gate{stopsAtPause: true}).observe(c.seen)
			assert.Equal(t, c.over, over)
			assert.Equal(t, c.err, err != nil)
		})
	}
}

func TestApprove(t *testing.T) {
	edit, err := approve(atPause(0), time.Time{})
	require.NoError(t, err)
	assert.Equal(t, client.Annotate(map[string]any{api.ApproveAnnotation: hash + "/2"}), edit)
	_, err = approve(atPause(time.Minute), time.Time{})
	assert.NoError(t, err, "it ends early")
	_, err = approve(atStep(3), time.Time{})
	assert.ErrorContains(t, err, "nothing to approve yet")
	_, err = approve(at(progress.Complete), time.Time{})
	assert.ErrorContains(t, err, "no rolling update is paused at a step")
}

func TestImageEdit(t *testing.T) {
	edit, cancels, err := imageEdit(at(progress.Complete), []string{"tomcat=tomcat:8", "setup=busybox:2"})
	require.NoError(t, err)
	assert.False(t, cancels)
	assert.Equal(t, map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"containers":     []any{map[string]any{"name": "tomcat", "image": "tomcat:8"}},
		"initContainers": []any{map[string]any{"name": "setup", "image": "busybox:2"}}}}}}, edit.Body)

	edit, cancels, err = imageEdit(at(progress.Rolling), []string{"tomcat=tomcat:7"})
	require.NoError(t, err)
	assert.True(t, cancels)
	assert.Equal(t, map[string]any{"metadata": map[string]any{"annotations": map[string]any{api.RequestAnnotation: nil}}}, edit.Body)

	for _, phase := range []progress.Phase{progress.Complete, progress.Promoting} {
		_, cancels, err = imageEdit(at(phase), []string{"tomcat=tomcat:7"})
		require.NoError(t, err)
		assert.False(t, cancels, "there is nothing to cancel")
	}
	_, _, err = imageEdit(at(progress.Rolling), []string{"*=tomcat:9"})
	assert.NoError(t, err)
}

func TestActions(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	annotate := func(key string, value any) map[string]any {
		return map[string]any{"metadata": map[string]any{"annotations": map[string]any{key: value}}}
	}
	restarted := map[string]any{"spec": map[string]any{"template": annotate("kubectl.kubernetes.io/restartedAt", "2026-01-01T12:00:00Z")}}
	for _, c := range []struct {
		action string
		phase  progress.Phase
		body   any
		err    string
	}{
		{"pause", progress.Rolling, annotate(api.PausedAnnotation, "true"), ""},
		{"resume", progress.Paused, annotate(api.PausedAnnotation, nil), ""},
		{"abort", progress.Rolling, annotate(api.RequestAnnotation, nil), ""},
		{"abort", progress.Failed, annotate(api.RequestAnnotation, nil), ""},
		{"abort", progress.Promoting, nil, "nothing left to abort"},
		{"abort", progress.Complete, nil, "no rolling update is in progress"},
		{"retry", progress.Failed, restarted, ""},
		{"retry", progress.RolledBack, nil, "set the image again"},
		{"retry", progress.Rolling, nil, "no rolling update has failed"},
		{"restart", progress.Complete, restarted, ""},
	} {
		t.Run(c.action+" "+string(c.phase), func(t *testing.T) {
			for _, a := range actions {
				if a.name != c.action {
					continue
				}
				edit, err := a.edit(at(c.phase), now)
				if c.err != "" {
					assert.ErrorContains(t, err, c.err)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, c.body, edit.Body)
			}
		})
	}
}

func pod(name, owner, phase string, ready bool) *unstructured.Unstructured {
	p := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"phase": phase}}}
	p.SetName(name)
	controller := true
	p.SetOwnerReferences([]metav1.OwnerReference{{UID: types.UID(owner), Controller: &controller}})
	if ready {
		p.Object["status"].(map[string]any)["conditions"] = []any{map[string]any{"type": "Ready", "status": "True"}}
	}
	return p
}

func TestMessages(t *testing.T) {
	paused, err := drawTree(atPause(0), nil)
	require.NoError(t, err)
	tree, err := drawTree(at(progress.Failed), podsByOwner([]*unstructured.Unstructured{
		pod("tomcat-b", "1", "Running", true), pod("tomcat-a", "1", "Running", true), pod("tomcat-0123-c", "2", "Pending", false), pod("other", "3", "Running", true)}))
	require.NoError(t, err)
	var table, wide bytes.Buffer
	rollouts := []progress.Rollout{at(progress.Complete), at(progress.Failed), atPause(0)}
	require.NoError(t, printTable(&table, rollouts, false, false))
	require.NoError(t, printTable(&wide, rollouts, true, true))
	line := func(phase progress.Phase) messages.Message {
		text, _, _ := (&gate{}).observe(at(phase))
		return messages.Message{When: "status: " + string(phase), Text: text}
	}
	messages.Check(t,
		line(progress.Complete), line(progress.Settling), line(progress.Rolling), line(progress.RollingBack), line(progress.Promoting),
		messages.Message{When: "status: at a step", Text: statusLine(atStep(3), progress.InProgress)},
		messages.Message{When: "status: at a pause", Text: statusLine(atPause(0), progress.IsPaused)},
		messages.Message{When: "status: at a pause for a time", Text: statusLine(atPause(10*time.Minute), progress.InProgress)},
		messages.Error("failed", errFailed(at(progress.Failed))),
		messages.Error("rolled back", errRolledBack(at(progress.RolledBack))),
		messages.Error("cancelled", errRolledBack(at(progress.Complete))),
		messages.Error("paused", errPaused(at(progress.Paused))),
		messages.Error("paused at a step", errPaused(atPause(0))),
		messages.Error("nothing to approve", errNothingToApprove(at(progress.Rolling))),
		messages.Error("nothing to approve yet", errNothingToApprove(atStep(3))),
		messages.Error("the step cannot be read", errStepUnknown(atUnknownStep())),
		messages.Message{When: "status: at a step that cannot be read", Text: statusLine(atUnknownStep(), progress.InProgress)},
		messages.Error("no such success", errSuccessOn("soon")),
		messages.Error("deleted", errDeleted("rc/tomcat")),
		messages.Error("interrupted", errInterrupted),
		messages.Error("nothing to abort", errNothingPending("rc/tomcat")),
		messages.Error("abort during the promotion", errTooLate("rc/tomcat")),
		messages.Error("retry after a rollback", errCannotRetry(at(progress.RolledBack))),
		messages.Error("nothing to retry", errCannotRetry(at(progress.Complete))),
		messages.Error("no such container", errNoContainer("rc/tomcat", "tomat")),
		messages.Error("no assignment", errAssignment("tomcat:8")),
		messages.Error("no such format", errOutput("xml")),
		messages.Error("no history", errNoHistory("rc/tomcat")),
		messages.Error("nothing to undo", errNoPrevious("rc/tomcat")),
		messages.Error("no such revision", errNoRevision("rc/tomcat", 7)),
		messages.Message{When: "abort, undo or set image of what GitOps applies", Text: warnDeclared("rc/tomcat", []string{"argocd-controller", "helm"})},
		messages.Error("convert in the middle", errConvertsLater("rc/tomcat")),
		messages.Error("convert to no such format", errConvertOutput("wide")),
		messages.Message{When: "convert", Text: converted(t, nil)},
		messages.Message{When: "convert with settings", Text: converted(t, map[string]string{
			api.MaxSurgeAnnotation: "25%", api.MaxUnavailableAnnotation: "2", api.ProgressDeadlineAnnotation: "90s",
			api.UpdatePeriodAnnotation: "10s", api.OnFailureAnnotation: "rollback", "team": "web"})},
		messages.Message{When: "history", Text: pastText(t, false)},
		messages.Message{When: "history -o wide", Text: pastText(t, true)},
		messages.Message{When: "history --revision=1", Text: revisionText(t)},
		messages.Error("no rcroll", errUnreviewed("rc/tomcat")),
		messages.Message{When: "get", Text: tree},
		messages.Message{When: "get at a pause", Text: paused},
		messages.Message{When: "list", Text: table.String()},
		messages.Message{When: "list -A -o wide", Text: wide.String()},
	)
}

// Each ReplicationController is shown with what it owns, of however many.
func TestRolloutsOf(t *testing.T) {
	const n = 10_000
	var selected, all []*unstructured.Unstructured
	for i := range n {
		rc := api.EmptyRC()
		rc.SetName(fmt.Sprintf("tomcat-%d", i))
		rc.SetNamespace("shop")
		rc.SetUID(types.UID(fmt.Sprint(i)))
		rc.SetLabels(map[string]string{api.RollingLabel: api.True})
		rc.SetAnnotations(map[string]string{api.RequestAnnotation: spec("tomcat:8").String()})
		rc.Object["spec"] = map[string]any(spec("tomcat:7"))
		selected = append(selected, rc)
		all = append(all, rc, api.NewRC(rc, spec("tomcat:8"), api.DefaultHashLabelKey))
	}
	begin := time.Now()
	rollouts := rolloutsOf(&client.KnownPolicies{}, selected, all)
	assert.Less(t, time.Since(begin), 20*time.Second, "it takes a second or two")
	for _, r := range rollouts {
		require.NotNil(t, r.New)
		require.Equal(t, r.NewName, r.New.Name)
		require.Empty(t, r.Old)
	}
}

// Each subcommand of the documentation is there, and knows kubectl's flags.
func TestCommands(t *testing.T) {
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	root := NewCommand(streams, "v0.1.0")
	for _, use := range []string{"status", "list", "get", "pause", "resume", "approve", "abort", "retry", "restart", "set image", "diff", "history", "undo", "convert", "version"} {
		command, rest, err := root.Find(strings.Fields(use))
		require.NoError(t, err)
		assert.Empty(t, rest, use)
		assert.NotNil(t, command.RunE, use)
		assert.NotNil(t, command.InheritedFlags().Lookup("context"), use)
	}
	root.SetArgs([]string{"version"})
	require.NoError(t, root.Execute())
	assert.Equal(t, "v0.1.0\n", out.String())
}

// Every subcommand, flag and exit code is documented.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "kubectl-rcroll.md"))
	require.NoError(t, err)
	streams, _, _, _ := genericiooptions.NewTestIOStreams()
	var check func(command *cobra.Command)
	check = func(command *cobra.Command) {
		for _, sub := range command.Commands() {
			check(sub)
		}
		if command.HasSubCommands() || command.Name() == "help" || command.Name() == "completion" {
			return
		}
		assert.Contains(t, string(text), "| `"+command.CommandPath(), "the table has no such row")
		command.LocalNonPersistentFlags().VisitAll(func(flag *pflag.Flag) {
			short := flag.Shorthand != "" && strings.Contains(string(text), "`-"+flag.Shorthand)
			assert.True(t, short || strings.Contains(string(text), "--"+flag.Name), "%s --%s", command.CommandPath(), flag.Name)
		})
	}
	check(NewCommand(streams, ""))
	for _, code := range []int{0, 1, exitFailed, exitRolledBack, exitNotDone, exitPaused, exit.Interrupted} {
		assert.Contains(t, string(text), fmt.Sprintf("\n| %d |", code))
	}
}

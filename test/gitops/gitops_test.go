// Package gitops tests what contrib has for GitOps controllers, on ReplicationControllers as
// a real API server showed them in each phase of a rollout (testdata).
package gitops

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/cel-go/cel"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const contrib = "../../contrib"

// phases are what GitOps controllers shall say in each phase.
var phases = map[string]struct {
	argo    string // Argo CD's health, by contrib/argocd
	flux    string // by contrib/flux: the expression that holds
	kstatus status.Status
	actions string // of Argo CD that are enabled
}{
	"idle":                {"Healthy", "current", status.CurrentStatus, "restart"},
	"not-ready":           {"Progressing", "", status.CurrentStatus, "restart"},
	"requested":           {"Progressing", "inProgress", status.CurrentStatus, "abort pause restart"}, // the agent is down: kstatus cannot know
	"rolling":             {"Progressing", "inProgress", status.InProgressStatus, "abort pause restart"},
	"new":                 {"Healthy", "inProgress", status.CurrentStatus, ""}, // the new ReplicationController, which nobody applied
	"paused":              {"Suspended", "inProgress", status.InProgressStatus, "abort restart resume"},
	"at-step":             {"Suspended", "inProgress", status.InProgressStatus, "abort pause restart"},   // the pause of a step
	"promoting":           {"Progressing", "inProgress", status.InProgressStatus, "abort pause restart"}, // the new pods are being orphaned
	"adopted":             {"Progressing", "inProgress", status.CurrentStatus, "abort pause restart"},    // all pods are new and its own; what is left is to say so
	"rolling-back":        {"Progressing", "inProgress", status.InProgressStatus, "abort pause restart"}, // after a cancel
	"rolling-back-failed": {"Progressing", "inProgress", status.FailedStatus, "abort pause restart"},     // after a failure: kstatus sees that it stalled
	"degraded":            {"Progressing", "inProgress", status.InProgressStatus, "abort pause restart"},
	"failed":              {"Degraded", "failed", status.FailedStatus, "abort pause restart"},
	"rolled-back":         {"Degraded", "failed", status.CurrentStatus, "restart"},
	"done":                {"Healthy", "current", status.CurrentStatus, "restart"},
}

func recorded(t *testing.T, phase string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", phase+".yaml"))
	require.NoError(t, err)
	asJSON, err := yaml.YAMLToJSON(text)
	require.NoError(t, err)
	object := &unstructured.Unstructured{}
	require.NoError(t, object.UnmarshalJSON(asJSON)) // with integers, as clients have it
	return object.Object
}

func TestPhasesAreRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	assert.Len(t, files, len(phases))
}

// TestArgoHealth runs the script as Argo CD does: with the object as obj.
func TestArgoHealth(t *testing.T) {
	script, err := os.ReadFile(contrib + "/argocd/health.lua")
	require.NoError(t, err)
	for phase, want := range phases {
		t.Run(phase, func(t *testing.T) {
			result := run(t, string(script), recorded(t, phase)).(*lua.LTable)
			assert.Equal(t, want.argo, result.RawGetString("status").String())
			if want.argo != "Healthy" {
				assert.NotEmpty(t, result.RawGetString("message").String())
			}
		})
	}
}

type actions struct {
	Discovery   string `json:"discovery.lua"`
	Definitions []struct {
		Name   string `json:"name"`
		Action string `json:"action.lua"`
	} `json:"definitions"`
}

func argoActions(t *testing.T) actions {
	t.Helper()
	text, err := os.ReadFile(contrib + "/argocd/actions.yaml")
	require.NoError(t, err)
	var parsed actions
	require.NoError(t, yaml.UnmarshalStrict(text, &parsed))
	return parsed
}

// TestArgoActions: those are offered that make sense, and each changes what it should.
func TestArgoActions(t *testing.T) {
	parsed := argoActions(t)
	for phase, want := range phases {
		t.Run(phase, func(t *testing.T) {
			var enabled []string
			offered := run(t, parsed.Discovery, recorded(t, phase)).(*lua.LTable)
			for _, definition := range parsed.Definitions {
				action := offered.RawGetString(definition.Name).(*lua.LTable)
				if action.RawGetString("disabled") != lua.LTrue {
					enabled = append(enabled, definition.Name)
				}
			}
			assert.ElementsMatch(t, strings.Fields(want.actions), enabled)
		})
	}
	effects := map[string]func(object map[string]any) any{
		"pause":  func(o map[string]any) any { return annotation(o, "rcroll.dev/paused") },
		"resume": func(o map[string]any) any { return annotation(o, "rcroll.dev/paused") },
		"abort":  func(o map[string]any) any { return annotation(o, "rcroll.dev/request") },
		"restart": func(o map[string]any) any {
			value, _, _ := unstructured.NestedString(o, "spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt")
			return regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`).MatchString(value)
		},
	}
	on := map[string]string{"pause": "rolling", "resume": "paused", "abort": "rolling", "restart": "idle"}
	wants := map[string]any{"pause": "true", "resume": nil, "abort": nil, "restart": true}
	for _, definition := range parsed.Definitions {
		t.Run(definition.Name, func(t *testing.T) {
			before := recorded(t, on[definition.Name])
			require.NotEqual(t, wants[definition.Name], effects[definition.Name](before))
			after := toGo(run(t, definition.Action, before)).(map[string]any)
			assert.Equal(t, wants[definition.Name], effects[definition.Name](after))
		})
	}
}

func annotation(object map[string]any, key string) any {
	annotations, _ := object["metadata"].(map[string]any)["annotations"].(map[string]any)
	return annotations[key]
}

// TestFluxExpressions evaluates the expressions as Flux does: with the fields of the object
// as variables. At most one of them holds, so that their order does not matter.
func TestFluxExpressions(t *testing.T) {
	text, err := os.ReadFile(contrib + "/flux/health-checks.yaml")
	require.NoError(t, err)
	var checks []map[string]string
	require.NoError(t, yaml.UnmarshalStrict(text, &checks))
	require.Len(t, checks, 1)
	env, err := cel.NewEnv(cel.Variable("metadata", cel.DynType), cel.Variable("spec", cel.DynType), cel.Variable("status", cel.DynType))
	require.NoError(t, err)
	for phase, want := range phases {
		t.Run(phase, func(t *testing.T) {
			var holds []string
			for _, name := range []string{"inProgress", "failed", "current"} {
				ast, issues := env.Compile(checks[0][name])
				require.NoError(t, issues.Err())
				program, err := env.Program(ast)
				require.NoError(t, err)
				result, _, err := program.Eval(recorded(t, phase))
				require.NoError(t, err)
				if result.Value() == true {
					holds = append(holds, name)
				}
			}
			assert.Equal(t, want.flux, strings.Join(holds, " "))
		})
	}
}

// TestKstatus: what kstatus says by itself, of which docs/gitops.md tells.
func TestKstatus(t *testing.T) {
	for phase, want := range phases {
		t.Run(phase, func(t *testing.T) {
			result, err := status.Compute(&unstructured.Unstructured{Object: recorded(t, phase)})
			require.NoError(t, err)
			assert.Equal(t, want.kstatus, result.Status)
		})
	}
}

package mutate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// created is the new ReplicationController of a rollout as the agent sends it, and as it is
// to be stored.
func created(t *testing.T, owner *unstructured.Unstructured) (sent, stored *unstructured.Unstructured) {
	request, err := api.ParseSpec(owner.GetAnnotations()[api.RequestAnnotation])
	require.NoError(t, err)
	sent = api.SealedNewRC(owner, request, hashKey)
	return sent, edit(sent, func(o map[string]any) { delete(at(o, "metadata"), "annotations") })
}

// TestAgentCreatesWhatIsRequested: of what the agent sends the owner's request is stored,
// whoever has its token, and whatever others did to it on its way.
func TestAgentCreatesWhatIsRequested(t *testing.T) {
	owner := rolling()
	sent, stored := created(t, owner)
	for name, changes := range map[string][]change{
		"as it is":               nil,
		"another image":          {image("attacker:1")},
		"a field of the pod":     {func(o map[string]any) { at(o, "spec", "template", "spec")["hostPID"] = true }},
		"replicas":               {replicas(5)},
		"another successor":      {templateLabel(api.SuccessorLabel, "u9")},
		"another selector":       {selector(map[string]any{"app": "other"})},
		"a label of the request": {templateLabel("app", "other")},
	} {
		t.Run(name, func(t *testing.T) {
			decision := mutate.Decide(mutate.Write{New: edit(sent, changes...), User: agent, Owner: owner}, options)
			require.NoError(t, decision.Refusal)
			assert.Equal(t, stored, decision.Object)
		})
	}
}

// TestAgentCreatesWithMinReadySeconds: how long its pods must be ready is the agent's to say,
// by policies, where the owner does not.
func TestAgentCreatesWithMinReadySeconds(t *testing.T) {
	for name, c := range map[string]struct{ own, sent, want any }{
		"by nobody":                      {nil, nil, nil},
		"by a policy":                    {nil, int64(30), int64(30)},
		"by the owner":                   {int64(7), int64(7), int64(7)},
		"by the owner, and another sent": {int64(7), int64(1), int64(7)},
		"less than nothing":              {nil, int64(-1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			owner := rolling()
			request, err := api.ParseSpec(owner.GetAnnotations()[api.RequestAnnotation])
			require.NoError(t, err)
			if c.own != nil {
				owner = edit(owner, annotate(api.RequestAnnotation, request.WithMinReadySeconds(7).String()))
			}
			sent, _ := created(t, owner)
			decision := mutate.Decide(mutate.Write{New: edit(sent, func(o map[string]any) { at(o, "spec")["minReadySeconds"] = c.sent }), User: agent, Owner: owner}, options)
			require.NoError(t, decision.Refusal)
			assert.Equal(t, c.want, at(decision.Object.Object, "spec")["minReadySeconds"])
		})
	}
}

// TestAgentCreatesNothingElse: what no version of the owner asks for is not created.
func TestAgentCreatesNothingElse(t *testing.T) {
	owner := rolling()
	sent, _ := created(t, owner)
	for name, c := range map[string]struct {
		sent, owner *unstructured.Unstructured
		stale       bool
	}{
		"no owner":                  {sent, nil, true},
		"another owner of the name": {sent, edit(owner, func(o map[string]any) { at(o, "metadata")["uid"] = "u9" }), true},
		"a newer version":           {sent, edit(owner, func(o map[string]any) { at(o, "metadata")["resourceVersion"] = "11" }), true},
		"no version":                {edit(sent, unannotate(api.OwnerVersionAnnotation)), owner, true},
		"no request":                {sent, edit(owner, unannotate(api.RequestAnnotation)), true},
		"another name":              {edit(sent, func(o map[string]any) { at(o, "metadata")["name"] = "tomcat-x" }), owner, false},
	} {
		t.Run(name, func(t *testing.T) {
			decision := mutate.Decide(mutate.Write{New: c.sent, User: agent, Owner: c.owner}, options)
			assert.ErrorContains(t, decision.Refusal, "the agent creates what rc/tomcat asks for and nothing else")
			assert.Equal(t, c.stale, decision.Stale, "to observe again is the remedy")
		})
	}
}

// TestAgentKeepsTheTemplate: an owned ReplicationController is scaled, and opened.
func TestAgentKeepsTheTemplate(t *testing.T) {
	_, sealed := created(t, rolling())
	unseal := func(o map[string]any) { o["spec"] = map[string]any(specOf(o).Opened()) }
	open := edit(sealed, unseal, replicas(1))
	for name, c := range map[string]struct{ old, new, stored *unstructured.Unstructured }{
		"is opened":            {sealed, open, open},
		"is opened, otherwise": {sealed, edit(open, image("attacker:1")), open},
		"is scaled":            {open, edit(open, replicas(3)), edit(open, replicas(3))},
		"gets another image":   {open, edit(open, image("attacker:1")), open},
		"sealed, gets another": {sealed, edit(sealed, image("attacker:1")), sealed},
	} {
		t.Run(name, func(t *testing.T) {
			decision := mutate.Decide(mutate.Write{Old: c.old, New: c.new, User: agent}, options)
			require.NoError(t, decision.Refusal)
			assert.Equal(t, c.stored, decision.Object)
		})
	}
}

// The agent's token is not enough to roll out whatever one likes: the request is
// recorded by the webhook, and changed by what a command does.
func TestAgentWritesNoRequest(t *testing.T) {
	const request = `{"replicas":5,"template":{}}`
	for name, changes := range map[string][]change{
		"another request":             {annotate(api.RequestAnnotation, request)},
		"another one, with a command": {annotate(api.RequestAnnotation, request), annotate(api.CommandAnnotation, `{"operation":"Finish"}`)},
		"no request":                  {unannotate(api.RequestAnnotation)},
		"no label":                    {label(api.RollingLabel, "false")},
		"who asked for it":            {annotate(api.RequestedByAnnotation, "bob")},
	} {
		t.Run(name, func(t *testing.T) {
			old := rolling()
			decision := mutate.Decide(mutate.Write{Old: old, New: edit(old, changes...), User: agent}, options)
			assert.ErrorContains(t, decision.Refusal, "the agent changes the request of a rolling update by commands only")
		})
	}
	begun := edit(tomcat(), annotate(api.RequestAnnotation, request), label(api.RollingLabel, api.True))
	decision := mutate.Decide(mutate.Write{Old: tomcat(), New: begun, User: agent}, options)
	assert.ErrorContains(t, decision.Refusal, "by commands only")
}

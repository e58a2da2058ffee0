package mutate

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
)

var (
	policyOptions = Options{HashLabelKey: api.DefaultHashLabelKey, AgentUser: "agent", WebhookUser: "webhook", Trigger: api.TriggerImage, RestartAnnotations: DefaultRestartAnnotations}
	reviewed      = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

func effective(t *testing.T, specs map[string]string) policy.Effective {
	t.Helper()
	var list []v1alpha1.RolloutPolicy
	for name, spec := range specs {
		p := v1alpha1.RolloutPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
		require.NoError(t, yaml.UnmarshalStrict([]byte(spec), &p.Spec))
		list = append(list, p)
	}
	return policy.Compile(list).For(policy.Target{})
}

func web(image string, annotations map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ReplicationController",
		"metadata": map[string]any{"name": "web", "namespace": "n", "uid": "u", "generation": int64(1)},
		"spec": map[string]any{"replicas": int64(4), "selector": map[string]any{"app": "web"}, "template": map[string]any{
			"metadata": map[string]any{"labels": map[string]any{"app": "web"}},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": "c", "image": image}}},
		}},
	}}
	if annotations != nil {
		object.Object["metadata"].(map[string]any)["annotations"] = annotations
	}
	return object
}

// settled decides with the answer that the API server stores what it was asked.
func settled(write Write) Decision {
	decision := Decide(write, policyOptions)
	if decision.Question != nil {
		write.Stored = api.SpecOf(decision.Question)
		decision = Decide(write, policyOptions)
	}
	return decision
}

func edit(t *testing.T, specs map[string]string, old, new *unstructured.Unstructured) Write {
	t.Helper()
	return Write{Old: old, New: new, User: "alice", FieldManager: "kubectl-edit", Time: reviewed, Policies: effective(t, specs)}
}

// TestPolicies: what policies say of a new image.
func TestPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		spec    string
		image   string
		meaning Meaning
		says    string
	}{
		"no policy":          {`{}`, "a/web:2", Requests, ""},
		"frozen":             {`{frozen: {reason: incident}}`, "a/web:2", Requests, "the rolling update does not begin now: RolloutPolicy p holds it: incident"},
		"closed":             {`{windows: [{kind: Allow, start: "22:00", end: "23:00"}]}`, "a/web:2", Requests, "until 2026-03-02T22:00:00Z"},
		"one at once":        {`{maxConcurrentRollouts: 1}`, "a/web:2", Requests, "may have to wait: RolloutPolicy p allows 1 at once"},
		"an image":           {`{images: {prefixes: [a/]}}`, "b/web:2", Refused, "RolloutPolicy p does not allow the image b/web:2"},
		"allowed":            {`{images: {prefixes: [a/]}}`, "a/web:2", Requests, ""},
		"nothing triggers":   {`{defaults: {trigger: None}}`, "a/web:2", Passes, "no pods are replaced"},
		"nor what is denied": {`{defaults: {trigger: None}, images: {prefixes: [a/]}}`, "b/web:2", Refused, "RolloutPolicy p does not allow"},
	} {
		t.Run(name, func(t *testing.T) {
			decision := settled(edit(t, map[string]string{"p": c.spec}, web("a/web:1", nil), web(c.image, nil)))
			require.Equal(t, c.meaning, decision.Meaning)
			said := strings.Join(decision.Warnings, "\n")
			if decision.Refusal != nil {
				said = decision.Refusal.Error()
			}
			assert.Contains(t, said, c.says)
			if c.says == "" {
				assert.Len(t, decision.Warnings, 1)
			}
		})
	}
}

// A trigger by annotation goes before that of a policy.
func TestTriggerOfPolicy(t *testing.T) {
	change := func(annotations map[string]any) *unstructured.Unstructured {
		object := web("a/web:1", annotations)
		require.NoError(t, unstructured.SetNestedField(object.Object, int64(5), "spec", "template", "spec", "terminationGracePeriodSeconds"))
		return object
	}
	template := map[string]string{"p": `{defaults: {trigger: Template}}`}
	assert.Equal(t, Requests, settled(edit(t, template, web("a/web:1", nil), change(nil))).Meaning)
	own := map[string]any{api.TriggerAnnotation: "image"}
	assert.Equal(t, Passes, settled(edit(t, template, web("a/web:1", own), change(own))).Meaning)
}

// A setting beyond a limit is refused when it is set, and not when it was there before.
func TestLimitOfPolicy(t *testing.T) {
	limit := map[string]string{"p": `{limits: {maxSurge: 1}}`}
	two := map[string]any{api.MaxSurgeAnnotation: "2"}
	decision := settled(edit(t, limit, web("a", nil), web("a", two)))
	require.ErrorContains(t, decision.Refusal, "2 is beyond what RolloutPolicy p allows: at most 1")
	assert.Equal(t, Requests, settled(edit(t, limit, web("a", two), web("b", two))).Meaning)

	created := Write{New: web("a", two), User: "alice", Policies: effective(t, limit)}
	require.ErrorContains(t, settled(created).Refusal, "RolloutPolicy p")
}

// A cancel and a rollback pass whatever the policies say.
func TestPoliciesLetCancelsPass(t *testing.T) {
	all := map[string]string{"p": `{frozen: {reason: r}, maxConcurrentRollouts: 1, windows: [{kind: Deny}], images: {prefixes: [nothing/]}, limits: {maxSurge: 0}}`}
	requested := settled(edit(t, nil, web("a", nil), web("b", nil)))
	require.Equal(t, Requests, requested.Meaning)

	cancelled := requested.Object.DeepCopy()
	unstructured.RemoveNestedField(cancelled.Object, "metadata", "annotations", api.RequestAnnotation)
	decision := settled(edit(t, all, requested.Object, cancelled))
	require.Equal(t, Cancels, decision.Meaning)
	assert.NotContains(t, strings.Join(decision.Warnings, ""), "RolloutPolicy")

	text := api.Command{Operation: api.Cancel, Hash: api.SpecOf(web("b", nil)).Hash(api.DefaultHashLabelKey)}.String()
	commanded := requested.Object.DeepCopy()
	setAnnotation(commanded, api.CommandAnnotation, text)
	write := edit(t, all, requested.Object, commanded)
	write.User = policyOptions.AgentUser
	assert.Equal(t, Steps, settled(write).Meaning)
}

// An approval is for a pause of the steps in force: those of the policy, unless there are own
// ones.
func TestApprovalOfPolicySteps(t *testing.T) {
	canary := `{defaults: {steps: [{replicas: 1}, {pause: {}}, {percent: 50}, {pause: {duration: 10m}}]}}`
	hash := api.SpecOf(web("b", nil)).Hash(api.DefaultHashLabelKey)
	for name, c := range map[string]struct {
		specs map[string]string
		own   string
		step  int
		says  string
	}{
		"the pause":              {map[string]string{"p": canary}, "", 2, ""},
		"no pause":               {map[string]string{"p": canary}, "", 3, `step 3 is no pause: the steps are "1,pause,50%,pause=10m"`},
		"no steps":               {map[string]string{"p": `{defaults: {maxSurge: 2}}`}, "", 2, `step 2 is no pause: the steps are ""`},
		"of higher priority":     {map[string]string{"p": canary, "q": `{priority: 1, defaults: {steps: [{pause: {}}]}}`}, "", 2, `the steps are "pause"`},
		"the pause of the other": {map[string]string{"p": canary, "q": `{priority: 1, defaults: {steps: [{pause: {}}]}}`}, "", 1, ""},
		"own steps":              {map[string]string{"p": canary}, "1,50%,pause", 2, `the steps are "1,50%,pause"`},
		"the pause of own steps": {map[string]string{"p": canary}, "1,50%,pause", 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			annotations := map[string]any{}
			if c.own != "" {
				annotations[api.StepsAnnotation] = c.own
			}
			rolling := settled(edit(t, c.specs, web("a", annotations), web("b", annotations))).Object
			approving := rolling.DeepCopy()
			setAnnotation(approving, api.ApproveAnnotation, api.Approval{Hash: hash, Step: c.step}.String())
			write := edit(t, c.specs, rolling, approving)
			write.MayApprove = true
			decision := settled(write)
			if c.says != "" {
				require.ErrorContains(t, decision.Refusal, c.says)
				return
			}
			require.NoError(t, decision.Refusal)
			assert.Equal(t, "alice", decision.Object.GetAnnotations()[api.ApprovedByAnnotation])
		})
	}
}

// The steps of a policy are for those to approve who have the right to; own ones are for
// everybody who may edit the ReplicationController.
func TestRightToApprove(t *testing.T) {
	canary := map[string]string{"canary": `{defaults: {steps: [{replicas: 1}, {pause: {}}, {percent: 50}]}}`}
	hash := api.SpecOf(web("b", nil)).Hash(api.DefaultHashLabelKey)
	for name, c := range map[string]struct {
		specs      map[string]string
		own, stays bool
		asks, says string
	}{
		"the policy's":          {specs: canary, asks: "canary", says: "the steps are those of RolloutPolicy canary: to approve one takes the right to the verb approve on rolloutpolicies.rcroll.dev/canary"},
		"own ones":              {specs: canary, own: true},
		"no policy":             {own: true},
		"a policy without":      {specs: map[string]string{"p": `{defaults: {maxSurge: 2}}`}, own: true},
		"an approval of before": {specs: canary, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			annotations := map[string]any{}
			if c.own {
				annotations[api.StepsAnnotation] = "1,pause,50%"
			}
			rolling := settled(edit(t, c.specs, web("a", annotations), web("b", annotations))).Object
			approving := rolling.DeepCopy()
			setAnnotation(approving, api.ApproveAnnotation, api.Approval{Hash: hash, Step: 2}.String())
			if c.stays {
				rolling = approving.DeepCopy()
				approving.SetLabels(map[string]string{"tier": "web", api.RollingLabel: api.True})
			}
			write := edit(t, c.specs, rolling, approving)
			assert.Equal(t, c.asks, Approves(write))
			if c.says == "" {
				require.NoError(t, settled(write).Refusal)
				return
			}
			require.ErrorContains(t, settled(write).Refusal, c.says)
			write.MayApprove = true
			require.NoError(t, settled(write).Refusal)
		})
	}
}

// An override takes the right to it, is recorded with its end, and ends with the rollout.
func TestOverride(t *testing.T) {
	freeze := map[string]string{"freeze": `{frozen: {reason: r}}`, "other": `{}`}
	override := map[string]any{api.OverrideAnnotation: "freeze"}

	write := edit(t, freeze, web("a", nil), web("b", override))
	assert.Equal(t, []string{"freeze"}, Overrides(write))
	require.ErrorContains(t, settled(write).Refusal, "takes the right to the verb override on rolloutpolicies.rcroll.dev/freeze")

	write.MayOverride = []string{"freeze"}
	decision := settled(write)
	require.Equal(t, Requests, decision.Meaning)
	assert.NotContains(t, strings.Join(decision.Warnings, "\n"), "does not begin now")
	assert.Contains(t, strings.Join(decision.Warnings, "\n"), "overridden until 2026-03-02T13:00:00Z, for this rolling update: RolloutPolicy freeze")
	assert.JSONEq(t, `{"policies":["freeze"],"by":"alice","until":"2026-03-02T13:00:00Z"}`, decision.Object.GetAnnotations()[api.OverriddenAnnotation])
	assert.Equal(t, []string{"freeze"}, api.OverriddenPolicies(decision.Object.GetAnnotations(), reviewed.Add(59*time.Minute)))
	assert.Empty(t, api.OverriddenPolicies(decision.Object.GetAnnotations(), reviewed.Add(time.Hour)))

	stored := decision.Object
	again := settled(edit(t, freeze, stored, stored.DeepCopy()))
	assert.Equal(t, stored.GetAnnotations()[api.OverriddenAnnotation], again.Object.GetAnnotations()[api.OverriddenAnnotation], "what stays as it is begins no other hour")

	withdrawn := stored.DeepCopy()
	removeAnnotations(withdrawn, api.OverrideAnnotation)
	assert.NotContains(t, settled(edit(t, freeze, stored, withdrawn)).Object.GetAnnotations(), api.OverriddenAnnotation)

	forged := web("a", map[string]any{api.OverriddenAnnotation: `{"policies":["freeze"]}`})
	require.ErrorContains(t, settled(edit(t, freeze, web("a", nil), forged)).Refusal, "may only be set by rcroll")

	write = edit(t, freeze, web("a", nil), web("b", map[string]any{api.OverrideAnnotation: "unheard-of"}))
	require.ErrorContains(t, settled(write).Refusal, "no RolloutPolicy of this name selects the ReplicationController; these do: freeze, other")
}

// TestOverrideIsOver: who repeats an override that is over is told that this changes nothing.
func TestOverrideIsOver(t *testing.T) {
	frozen := map[string]string{"freeze": `{frozen: {reason: r}}`}
	overridden := overriddenBy(t, frozen, "admin")
	again := edit(t, frozen, overridden, overridden.DeepCopy())
	again.MayOverride = []string{"freeze"}
	assert.NotContains(t, strings.Join(settled(again).Warnings, " "), "the override is over")
	again.Time = reviewed.Add(2 * time.Hour)
	assert.Contains(t, settled(again).Warnings, "rc/web: the override is over, and this changes nothing: to override again, remove the annotation rcroll.dev/override first, and then set it to freeze")
}

// TestOverrideIsForOneRequest: whoever leads the rollout elsewhere does not take over what
// another user has overridden.
func TestOverrideIsForOneRequest(t *testing.T) {
	frozen := map[string]string{"freeze": `{frozen: {reason: r}}`}
	overridden := overriddenBy(t, frozen, "admin")
	for name, c := range map[string]struct {
		user string
		to   *unstructured.Unstructured
		want []string
	}{
		"the same user, another template":     {"admin", web("c", nil), []string{"freeze"}},
		"another user, another template":      {"mallory", web("c", nil), nil},
		"another user, and the same template": {"mallory", web("b", nil), []string{"freeze"}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := overridden.DeepCopy()
			changed.Object["spec"] = c.to.Object["spec"]
			write := edit(t, frozen, overridden, changed)
			write.User = c.user
			d := settled(write)
			require.NoError(t, d.Refusal)
			assert.Equal(t, c.want, api.OverriddenPolicies(d.Object.GetAnnotations(), reviewed))
			_, has := annotation(d.Object, api.OverrideAnnotation)
			assert.Equal(t, len(c.want) > 0, has)
		})
	}
}

// overriddenBy is a request for b that a policy freezes, which a user has overridden.
func overriddenBy(t *testing.T, specs map[string]string, user string) *unstructured.Unstructured {
	t.Helper()
	requested := settled(edit(t, specs, web("a", nil), web("b", nil))).Object
	changed := requested.DeepCopy()
	setAnnotation(changed, api.OverrideAnnotation, "freeze")
	write := edit(t, specs, requested, changed)
	write.User, write.MayOverride = user, []string{"freeze"}
	d := settled(write)
	require.NoError(t, d.Refusal)
	require.Equal(t, []string{"freeze"}, api.OverriddenPolicies(d.Object.GetAnnotations(), reviewed))
	return d.Object
}

// TestOverrideOfACreation: there is no rollout that it could be for, and it must not be in the
// way of the next one.
func TestOverrideOfACreation(t *testing.T) {
	write := edit(t, map[string]string{"freeze": `{frozen: {reason: r}}`}, nil, web("a", map[string]any{api.OverrideAnnotation: "freeze"}))
	write.Old = nil
	_, has := annotation(settled(write).Object, api.OverrideAnnotation)
	assert.False(t, has)
}

// TestImageVolumes: volumes that are made of images are images that are rolled out.
func TestImageVolumes(t *testing.T) {
	tools := web("good.io/a", nil)
	volume := map[string]any{"name": "v", "image": map[string]any{"reference": "evil.io/tools"}}
	require.NoError(t, unstructured.SetNestedSlice(tools.Object, []any{volume}, "spec", "template", "spec", "volumes"))
	for _, images := range []string{`prefixes: [good.io/]`, `rule: "images.all(i, i.startsWith('good.io/'))"`} {
		write := edit(t, map[string]string{"p": `{images: {` + images + `}, defaults: {trigger: Template}}`}, web("good.io/a", nil), tools)
		assert.ErrorContains(t, settled(write).Refusal, "RolloutPolicy p", images)
	}
}

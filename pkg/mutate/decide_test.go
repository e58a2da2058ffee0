package mutate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

// rolling is tomcat on its way from 7 to 8, with 3 of the old pods left.
func rolling(changes ...change) *unstructured.Unstructured {
	return tomcat(append([]change{pending(image("tomcat:8")), replicas(3)}, changes...)...)
}

func TestWhatUsersMean(t *testing.T) {
	const manifest7 = `{"spec":{"replicas":5,"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:7"}]}}}}`
	manifest8 := strings.Replace(manifest7, "tomcat:7", "tomcat:8", 1)
	for name, c := range map[string]struct {
		old     *unstructured.Unstructured
		changes []change
		manager string

		meaning  mutate.Meaning
		image    string // requested
		replicas int32  // requested
		env      bool   // requested
	}{
		"an image edit is a request": {old: tomcat(), changes: []change{image("tomcat:8")},
			meaning: mutate.Requests, image: "tomcat:8", replicas: 5},
		"what comes with an image is requested with it": {old: tomcat(), changes: []change{image("tomcat:8"), env("A", "1"), replicas(7)},
			meaning: mutate.Requests, image: "tomcat:8", replicas: 7, env: true},
		"an env edit alone passes":               {old: tomcat(), changes: []change{env("A", "1")}, meaning: mutate.Passes},
		"scaling passes":                         {old: tomcat(), changes: []change{replicas(7)}, meaning: mutate.Passes},
		"without pods there is nothing to roll":  {old: tomcat(replicas(0)), changes: []change{image("tomcat:8")}, meaning: mutate.Passes},
		"scaled to 0 there is nothing to roll":   {old: tomcat(), changes: []change{image("tomcat:8"), replicas(0)}, meaning: mutate.Passes},
		"who opted out is left alone":            {old: tomcat(annotate(api.EnabledKey, "false")), changes: []change{image("tomcat:8")}, meaning: mutate.Passes},
		"opting out half-way stops no rollout":   {old: rolling(annotate(api.EnabledKey, "false")), changes: []change{image("tomcat:9")}, meaning: mutate.Retargets, image: "tomcat:9", replicas: 5},
		"a second image edit goes on top":        {old: rolling(), changes: []change{image("tomcat:9")}, meaning: mutate.Retargets, image: "tomcat:9", replicas: 5},
		"an env edit adds to the pending image":  {old: rolling(), changes: []change{env("A", "1")}, meaning: mutate.Retargets, image: "tomcat:8", replicas: 5, env: true},
		"replicas go to the request":             {old: rolling(), changes: []change{replicas(8)}, meaning: mutate.Retargets, image: "tomcat:8", replicas: 8},
		"metadata is no change of the request":   {old: rolling(), changes: []change{label("team", "a")}, meaning: mutate.Repeats, image: "tomcat:8", replicas: 5},
		"the same image again changes nothing":   {old: rolling(), changes: []change{image("tomcat:8")}, meaning: mutate.Repeats, image: "tomcat:8", replicas: 5},
		"an update that changes nothing neither": {old: rolling(), meaning: mutate.Repeats, image: "tomcat:8", replicas: 5},

		"kubectl apply of the live manifest cancels": {old: rolling(apply(`{"spec":{}}`)), changes: []change{apply(manifest7), replicas(5)},
			meaning: mutate.Cancels, image: "tomcat:7", replicas: 5},
		"kubectl apply of the same manifest again cancels set image": {old: rolling(apply(manifest7)), manager: "kubectl-client-side-apply",
			changes: []change{replicas(5)}, meaning: mutate.Cancels, image: "tomcat:7", replicas: 5},
		"kubectl apply without replicas keeps those requested": {old: rolling(apply(manifest7)), changes: []change{apply(`{"spec":{}}`), image("tomcat:9")},
			meaning: mutate.Retargets, image: "tomcat:9", replicas: 5},
		"kubectl apply replaces what set env asked for": {old: tomcat(pending(image("tomcat:8"), env("A", "1")), apply("{}")),
			changes: []change{apply(manifest8), image("tomcat:8")}, meaning: mutate.Retargets, image: "tomcat:8", replicas: 5},
		"kubectl keeping the annotation of server-side apply says nothing": {old: rolling(apply(manifest7)), manager: "kubectl-last-applied",
			changes: []change{apply(manifest8)}, meaning: mutate.Repeats, image: "tomcat:8", replicas: 5},

		"kubectl replace of the live manifest cancels": {old: rolling(), changes: []change{asManifest, replicas(5)},
			meaning: mutate.Cancels, image: "tomcat:7", replicas: 5},
		"kubectl replace of another one retargets": {old: rolling(), changes: []change{asManifest, image("tomcat:9"), replicas(4)},
			meaning: mutate.Retargets, image: "tomcat:9", replicas: 4},

		"server-side apply of what is live cancels": {old: rolling(managed("ci", "Apply", ownsImage)), manager: "ci",
			meaning: mutate.Cancels, image: "tomcat:7", replicas: 5},
		"server-side apply with replicas states them": {old: rolling(managed("ci", "Apply", ownsImageAndReplicas)), manager: "ci",
			changes: []change{image("tomcat:8"), replicas(6)}, meaning: mutate.Retargets, image: "tomcat:8", replicas: 6},
		"server-side apply of the same again": {old: rolling(managed("ci", "Apply", ownsImageAndReplicas)), manager: "ci",
			changes: []change{image("tomcat:8"), replicas(5)}, meaning: mutate.Repeats, image: "tomcat:8", replicas: 5},
		"an update by a manager that also applies is imperative": {old: rolling(managed("ci", "Apply", ownsImage)), manager: "ci",
			changes: []change{env("A", "1"), managed("ci", "Update", `{"f:spec":{}}`)}, meaning: mutate.Retargets, image: "tomcat:8", replicas: 5, env: true},
		"kubectl migrating to server-side apply says nothing": {
			old:     rolling(managed("ci", "Apply", ownsImage), managed("kubectl-client-side-apply", "Update", ownsImage)),
			changes: []change{unmanaged, managed("ci", "Apply", ownsImageAndReplicas)}, manager: "ci",
			meaning: mutate.Repeats, image: "tomcat:8", replicas: 5},
		"another manager's apply says nothing about the image": {old: rolling(managed("ci", "Apply", ownsImage)), manager: "labeller",
			changes: []change{label("team", "a")}, meaning: mutate.Repeats, image: "tomcat:8", replicas: 5},

		"helm going back sends replicas only": {old: rolling(), manager: "helm", changes: []change{replicas(5)},
			meaning: mutate.Cancels, image: "tomcat:7", replicas: 5},
		"removing the request cancels": {old: rolling(), changes: []change{unannotate(api.RequestAnnotation)},
			meaning: mutate.Cancels, image: "tomcat:7", replicas: 5},
		"removing it by hand cancels, whatever a policy writes into the metadata": {old: rolling(), manager: "kubectl-annotate",
			changes: []change{unannotate(api.RequestAnnotation), annotate("example.com/written-at", "now")}, meaning: mutate.Cancels, image: "tomcat:7", replicas: 5},
		"so does rcroll's own command": {old: rolling(), manager: mutate.CommandsManager,
			changes: []change{unannotate(api.RequestAnnotation), annotate("example.com/written-at", "now")}, meaning: mutate.Cancels, image: "tomcat:7", replicas: 5},
		"removing it along with other things does not": {old: rolling(), changes: []change{unannotate(api.RequestAnnotation), label("team", "a")},
			meaning: mutate.Repeats, image: "tomcat:8", replicas: 5},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(mutate.Write{Old: c.old, New: edit(c.old, c.changes...), User: user, FieldManager: c.manager}, options)
			require.NoError(t, decision.Refusal)
			assert.Equal(t, c.meaning, decision.Meaning)
			if c.meaning == mutate.Passes {
				assert.Equal(t, edit(c.old, c.changes...), decision.Object)
				return
			}
			assert.Equal(t, c.old.Object["spec"], decision.Object.Object["spec"], "the live spec moves by commands only")
			assert.Equal(t, api.True, decision.Object.GetLabels()[api.RollingLabel])
			request := requested(t, decision)
			assert.Equal(t, c.image, request.Images()["containers/tomcat"])
			assert.Equal(t, c.replicas, request.Replicas())
			assert.Equal(t, c.env, container(map[string]any{"spec": map[string]any(request)})["env"] != nil)
			write := mutate.Write{Old: c.old, New: edit(c.old, c.changes...), User: user, FieldManager: c.manager}
			assert.Equal(t, c.meaning == mutate.Requests || c.meaning == mutate.Retargets, isAsked(write))
		})
	}
}

// What was broken before, or by a newer version, is no reason to refuse what has
// nothing to do with it.
func TestBrokenSettingsOfOthers(t *testing.T) {
	broken := annotate(api.MaxSurgeAnnotation, "lots")
	for name, c := range map[string]struct {
		old    *unstructured.Unstructured
		change change
	}{
		"another edit":             {tomcat(broken), env("A", "1")},
		"a retarget":               {rolling(broken), image("tomcat:9")},
		"its removal":              {tomcat(broken), unannotate(api.MaxSurgeAnnotation)},
		"its correction":           {tomcat(broken), annotate(api.MaxSurgeAnnotation, "2")},
		"an unknown one, there":    {tomcat(annotate(api.Prefix+"new", "x")), annotate(api.MaxSurgeAnnotation, "2")},
		"an unknown one, removed":  {tomcat(annotate(api.Prefix+"new", "x")), unannotate(api.Prefix + "new")},
		"an unknown label removed": {tomcat(label(api.Prefix+"new", "x")), func(o map[string]any) { delete(at(o, "metadata", "labels"), api.Prefix+"new") }},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(mutate.Write{Old: c.old, New: edit(c.old, c.change), User: user}, options)
			assert.NoError(t, decision.Refusal)
		})
	}
}

// What is asked for again while it is live already, or after it was cancelled, is
// not cancelled by that; and what turns a rollout is told as what it is.
func TestWhatUsersAreTold(t *testing.T) {
	sealed := tomcat(image("tomcat:8"), pending(), replicas(0), templateLabel(api.SealedLabel, "x"),
		selector(map[string]any{"app": "tomcat", api.SealedLabel: "x"}))
	cancelled := tomcat(pending(), replicas(3))
	const follow = "; follow it with: kubectl describe rc/tomcat"
	const hint = "; to cancel it: kubectl annotate rc/tomcat rcroll.dev/request-"
	for name, c := range map[string]struct {
		old     *unstructured.Unstructured
		change  change
		meaning mutate.Meaning
		says    string
	}{
		"nothing":                       {rolling(), unmanaged, mutate.Repeats, "no change; the rolling update to tomcat:8 continues" + follow + hint},
		"another image":                 {rolling(), image("tomcat:9"), mutate.Retargets, "the rolling update in progress now targets tomcat:9" + follow},
		"replicas":                      {rolling(), replicas(8), mutate.Retargets, "the rolling update in progress will end with 8 replicas" + follow},
		"a label while promoting":       {sealed, label("team", "a"), mutate.Repeats, ""},
		"nothing while promoting":       {sealed, unmanaged, mutate.Repeats, "no change; the rolling update to tomcat:8 continues" + follow},
		"another image while promoting": {sealed, image("tomcat:9"), mutate.Retargets, "rolling update to tomcat:9 requested; it starts in a moment, when the one in progress has completed" + follow},
		"replicas while promoting":      {sealed, replicas(8), mutate.Retargets, "the rolling update in progress will end with 8 replicas" + follow},
		"cancel":                        {rolling(), unannotate(api.RequestAnnotation), mutate.Cancels, "rolling update cancelled; the pods are rolled back to tomcat:7" + follow},
		"cancel twice":                  {cancelled, unannotate(api.RequestAnnotation), mutate.Repeats, "no change; the rolling update to tomcat:7 continues" + follow},
		"more time to get ready": {rolling(), func(o map[string]any) { at(o, "spec")["minReadySeconds"] = int64(9) },
			mutate.Retargets, "change added to the rolling update to tomcat:8 in progress" + follow},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(mutate.Write{Old: c.old, New: edit(c.old, c.change), User: user}, options)
			require.NoError(t, decision.Refusal)
			assert.Equal(t, c.meaning, decision.Meaning)
			if c.meaning == mutate.Retargets {
				assert.True(t, isAsked(mutate.Write{Old: c.old, New: edit(c.old, c.change), User: user}))
			}
			if c.says == "" {
				assert.Empty(t, decision.Warnings)
				return
			}
			assert.Equal(t, []string{"rc/tomcat: " + c.says}, decision.Warnings)
		})
	}
}

// Whoever goes back to what is live wants nothing that was not live or requested before, so
// that no policy can hold it up; unless it wants something else besides.
func TestCancelsAreJudged(t *testing.T) {
	longer := func(o map[string]any) { at(o, "spec")["minReadySeconds"] = int64(9) }
	for name, c := range map[string]struct {
		changes []change
		judged  bool
	}{
		"the request is removed":      {[]change{unannotate(api.RequestAnnotation)}, false},
		"the old manifest":            {nil, false},
		"with more replicas":          {[]change{replicas(9)}, true},
		"with more time to get ready": {[]change{longer}, true},
	} {
		t.Run(name, func(t *testing.T) {
			old := rolling()
			write := mutate.Write{Old: old, New: edit(old, c.changes...), User: user, FieldManager: "helm"}
			assert.Equal(t, c.judged, isAsked(write))
			decision := decide(write, options)
			require.NoError(t, decision.Refusal)
			assert.Equal(t, mutate.Cancels, decision.Meaning)
		})
	}
}

// The refusal of what cannot be added to such a request names this way out.
func TestUnreadableRequestCanBeCancelled(t *testing.T) {
	old := tomcat(annotate(api.RequestAnnotation, "x"), label(api.RollingLabel, api.True), replicas(3))
	decision := decide(mutate.Write{Old: old, New: edit(old, unannotate(api.RequestAnnotation)), User: user}, options)
	require.NoError(t, decision.Refusal)
	assert.Equal(t, mutate.Cancels, decision.Meaning)
	assert.True(t, requested(t, decision).Equal(api.SpecOf(old)))
	assert.Nil(t, decision.Question)
	assert.Equal(t, []string{"rc/tomcat: rolling update cancelled; the pods are rolled back to tomcat:7; follow it with: kubectl describe rc/tomcat"}, decision.Warnings)
}

func TestAnyTemplateChange(t *testing.T) {
	wide := options
	wide.Trigger = api.TriggerTemplate
	decision := decide(mutate.Write{Old: tomcat(), New: tomcat(env("A", "1")), User: user}, wide)
	assert.Equal(t, mutate.Requests, decision.Meaning)
	decision = decide(mutate.Write{Old: tomcat(), New: tomcat(replicas(7)), User: user}, wide)
	assert.Equal(t, mutate.Passes, decision.Meaning)
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		old    *unstructured.Unstructured
		change change
		user   string
		says   string
	}{
		"a forged request":         {tomcat(), annotate(api.RequestAnnotation, "{}"), user, "metadata.annotations[rcroll.dev/request]: Forbidden: may only be set by rcroll"},
		"a changed request":        {rolling(), annotate(api.RequestAnnotation, "{}"), user, "rcroll.dev/request"},
		"a forged command":         {rolling(), annotate(api.CommandAnnotation, `{"operation":"Finish"}`), user, "metadata.annotations[rcroll.dev/command]"},
		"a forged label":           {tomcat(), label(api.RollingLabel, api.True), user, "metadata.labels[rcroll.dev/rolling]"},
		"a forged mark":            {tomcat(), templateLabel(api.AdoptingLabel, "x"), user, "spec.template.metadata.labels[rcroll.dev/adopting]"},
		"a changed hash label":     {tomcat(hashed), templateLabel(hashKey, "mine"), user, "spec.template.metadata.labels[deployment]: Invalid value: \"mine\""},
		"a hash label in use":      {tomcat(templateLabel(hashKey, "mine")), image("tomcat:8"), user, "--hash-label-key"},
		"the agent writing a spec": {tomcat(), image("tomcat:8"), agent, "by commands only"},
		"a setting that does not parse": {tomcat(), annotate(api.MaxSurgeAnnotation, "lots"), user,
			`rc/tomcat: metadata.annotations[rcroll.dev/max-surge]: Invalid value: "lots": must be a number of pods`},
		"settings that contradict":   {tomcat(), annotate(api.MaxSurgeAnnotation, "0"), user, "must be more than 0 if rcroll.dev/max-surge is 0"},
		"an opt-out that says maybe": {tomcat(), annotate(api.EnabledKey, "no"), user, `metadata.annotations[rcroll.dev/enabled]: Unsupported value: "no": supported values: "true", "false"`},
		"a misspelt setting": {tomcat(), annotate(api.Prefix+"max-surg", "2"), user,
			"metadata.annotations[rcroll.dev/max-surg]: Forbidden: unknown setting: remove the annotation, or use one of rcroll.dev/max-surge, "},
		"a setting as a label": {tomcat(), label(api.EnabledKey, "false"), user, "metadata.labels[rcroll.dev/enabled]: Forbidden: rcroll reads its settings from annotations, not from labels"},
		"a request with a setting that was broken before": {tomcat(annotate(api.UpdatePeriodAnnotation, "soon")), image("tomcat:8"), user,
			`metadata.annotations[rcroll.dev/update-period]: Invalid value: "soon": must be a duration`},
		"a request that finds no room": {tomcat(annotate("note", strings.Repeat("x", 200<<10))),
			func(o map[string]any) { image("tomcat:8")(o); env("A", strings.Repeat("x", 100<<10))(o) }, user,
			"metadata.annotations: Too long: all annotations together must not exceed 262144 bytes"},
		"a request beside a copy of the manifest": {tomcat(apply(strings.Repeat("x", 200<<10))),
			func(o map[string]any) { image("tomcat:8")(o); env("A", strings.Repeat("x", 100<<10))(o) }, user,
			"use kubectl apply --server-side"},
		"replicas below 0 (cancel)": {rolling(), func(o map[string]any) { asManifest(o); replicas(-1)(o) }, user, "spec.replicas: Invalid value: -1"},
		"a request that no longer parses": {tomcat(annotate(api.RequestAnnotation, "x"), label(api.RollingLabel, api.True)), image("tomcat:8"), user,
			"kubectl annotate rc/tomcat rcroll.dev/request-"},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(mutate.Write{Old: c.old, New: edit(c.old, c.change), User: c.user}, options)
			assert.Equal(t, mutate.Refused, decision.Meaning)
			assert.Nil(t, decision.Object)
			assert.ErrorContains(t, decision.Refusal, c.says)
		})
	}
}

func TestHashLabelIsKept(t *testing.T) {
	old := tomcat(hashed)
	for name, changes := range map[string][]change{
		"a selector spelled out drops it": {selector(map[string]any{"app": "tomcat"})},
		"a whole manifest drops it":       {func(o map[string]any) { o["spec"] = tomcat().Object["spec"] }, asManifest, replicas(5)},
		"an exported one is out of date":  {templateLabel(hashKey, "00000000000000000000000000000000")},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(mutate.Write{Old: old, New: edit(old, changes...), User: user}, options)
			require.Equal(t, mutate.Passes, decision.Meaning, "%v", decision.Refusal)
			assert.Equal(t, old.Object["spec"], decision.Object.Object["spec"])
		})
	}
}

func TestCreateTakesTracesOff(t *testing.T) {
	marked := rolling(templateLabel(api.SealedLabel, "x"), selector(map[string]any{"app": "tomcat", api.SealedLabel: "x"}), replicas(5))
	decision := decide(mutate.Write{New: marked, User: user}, options)
	require.Equal(t, mutate.Passes, decision.Meaning)
	assert.Equal(t, tomcat(image("tomcat:8")), decision.Object, "what was asked for, whole")
	assert.Equal(t, tomcat(hashed), mutate.Decide(mutate.Write{New: tomcat(hashed), User: user}, options).Object,
		"the hash label of an export is harmless, and old clients write one themselves")
}

func TestCommands(t *testing.T) {
	hash8 := requestHash(t, "tomcat:8")
	steps := []struct {
		command api.Command
		replica int64
	}{
		{api.Command{Operation: api.Scale, Hash: hash8, Replicas: 0}, 0},
		{api.Command{Operation: api.Seal, Hash: hash8}, 0},
		{api.Command{Operation: api.Adopt, Hash: hash8, Replicas: 4}, 4},
		{api.Command{Operation: api.Open, Hash: hash8}, 5},
		{api.Command{Operation: api.Finish, Hash: hash8}, 5},
	}
	object := rolling()
	for _, step := range steps {
		decision := decide(mutate.Write{Old: object, New: edit(object, annotate(api.CommandAnnotation, step.command.String())), User: agent}, options)
		require.NoError(t, decision.Refusal)
		object = decision.Object
		assert.NotContains(t, toJSON(t, object), api.CommandAnnotation)
		assert.Equal(t, step.replica, at(object.Object, "spec")["replicas"])
		label, mark := map[string]string{"app": "tomcat", hashKey: hash8}, api.SpecOf(object)
		switch step.command.Operation {
		case api.Seal:
			label[api.SealedLabel] = hash8
			assert.Equal(t, label, mark.Selector())
			assert.Equal(t, label, mark.TemplateLabels())
		case api.Adopt:
			assert.Equal(t, label, mark.Selector())
			label[api.AdoptingLabel] = hash8
			assert.Equal(t, label, mark.TemplateLabels())
		}
	}
	assert.Equal(t, tomcat(image("tomcat:8"), hashed), object, "nothing of rcroll is left but the hash label")
}

func TestOpenKeepsANewerRequest(t *testing.T) {
	adopting := tomcat(image("tomcat:8"), hashed, pending(image("tomcat:9")), templateLabel(api.AdoptingLabel, "x"))
	command := api.Command{Operation: api.Open, Hash: requestHash(t, "tomcat:9")}
	decision := decide(mutate.Write{Old: adopting, New: edit(adopting, annotate(api.CommandAnnotation, command.String())), User: agent}, options)
	require.NoError(t, decision.Refusal)
	assert.Equal(t, tomcat(image("tomcat:8"), hashed).Object["spec"], decision.Object.Object["spec"])
	assert.Equal(t, "tomcat:9", requested(t, decision).Images()["containers/tomcat"])
}

func TestCommandToCancel(t *testing.T) {
	object := rolling(replicas(4), hashed)
	command := api.Command{Operation: api.Cancel, Hash: requestHash(t, "tomcat:8")}
	decision := decide(mutate.Write{Old: object, New: edit(object, annotate(api.CommandAnnotation, command.String())), User: agent}, options)
	require.NoError(t, decision.Refusal)
	assert.Equal(t, object.Object["spec"], decision.Object.Object["spec"])
	request := requested(t, decision)
	assert.Equal(t, "tomcat:7", request.Images()["containers/tomcat"])
	assert.EqualValues(t, 5, request.Replicas(), "as many as were requested, not those that are left")
	assert.True(t, request.Equal(request.Unlabelled(hashKey)))
	assert.NotContains(t, toJSON(t, decision.Object), api.CommandAnnotation)
	assert.Contains(t, toJSON(t, decision.Object), api.RollingLabel)
}

func TestOutdatedCommandsAreConflicts(t *testing.T) {
	hash8 := requestHash(t, "tomcat:8")
	for name, c := range map[string]struct {
		old     *unstructured.Unstructured
		command api.Command
	}{
		"for another template":      {rolling(), api.Command{Operation: api.Scale, Hash: "x"}},
		"without a request":         {tomcat(), api.Command{Operation: api.Scale, Hash: hash8}},
		"sealing pods out":          {rolling(), api.Command{Operation: api.Seal, Hash: hash8}},
		"adopting while open":       {rolling(), api.Command{Operation: api.Adopt, Hash: hash8}},
		"finishing while sealed":    {rolling(selector(map[string]any{"app": "tomcat", api.SealedLabel: hash8})), api.Command{Operation: api.Finish, Hash: hash8}},
		"finishing while adopting":  {tomcat(hashed, pending(), templateLabel(api.AdoptingLabel, "x")), api.Command{Operation: api.Finish, Hash: requestHash(t, "tomcat:7")}},
		"finishing half-way":        {rolling(), api.Command{Operation: api.Finish, Hash: hash8}},
		"opening what is open":      {rolling(), api.Command{Operation: api.Open, Hash: hash8}},
		"scaling up while sealed":   {rolling(selector(map[string]any{"app": "tomcat", api.SealedLabel: hash8})), api.Command{Operation: api.Scale, Hash: hash8, Replicas: 5}},
		"cancelling while sealed":   {rolling(selector(map[string]any{"app": "tomcat", api.SealedLabel: hash8})), api.Command{Operation: api.Cancel, Hash: hash8}},
		"sealing what is sealed":    {rolling(replicas(0), selector(map[string]any{"app": "tomcat", api.SealedLabel: hash8})), api.Command{Operation: api.Seal, Hash: hash8}},
		"a request that is no spec": {tomcat(annotate(api.RequestAnnotation, "[]")), api.Command{Operation: api.Scale, Hash: hash8}},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(mutate.Write{Old: c.old, New: edit(c.old, annotate(api.CommandAnnotation, c.command.String())), User: agent}, options)
			assert.Error(t, decision.Refusal)
			assert.True(t, decision.Stale)
		})
	}
}

// ownedByWeb is a new ReplicationController of rc/web.
func ownedByWeb() *unstructured.Unstructured {
	return tomcat(label(api.RollingLabel, api.True), func(object map[string]any) {
		at(object, "metadata")["ownerReferences"] = []any{map[string]any{
			"apiVersion": "v1", "kind": "ReplicationController", "name": "web", "uid": "u0", "controller": true}}
	})
}

// With accounts of other names the API server asks about rcroll's own writes, too.
func TestTheAgentsOwnWritesPass(t *testing.T) {
	owned := ownedByWeb()
	decision := decide(mutate.Write{Old: owned, New: edit(owned, replicas(2)), User: agent}, options)
	require.NoError(t, decision.Refusal)
	assert.Equal(t, edit(owned, replicas(2)), decision.Object)
}

const editWeb = "rc/tomcat: not changed: it is managed by rcroll for rc/web; edit rc/web instead"

func TestEditsOfAnOwnedOneChangeNothing(t *testing.T) {
	owned := ownedByWeb()
	for name, c := range map[string]change{
		"an image":         image("tomcat:8"),
		"replicas":         replicas(2),
		"a label":          label("team", "a"),
		"an annotation":    annotate("note", "mine"),
		"rcroll's label":   func(o map[string]any) { delete(at(o, "metadata"), "labels") },
		"a forged request": annotate(api.RequestAnnotation, "{}"),
		"field ownership":  managed("kubectl-set", "Update", ownsImage),
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(mutate.Write{Old: owned, New: edit(owned, c), User: user}, options)
			require.NoError(t, decision.Refusal)
			assert.Equal(t, mutate.Ignored, decision.Meaning)
			assert.Equal(t, owned, decision.Object)
			assert.Equal(t, []string{editWeb}, decision.Warnings)
		})
	}
	finalized := func(o map[string]any) { at(o, "metadata")["finalizers"] = []any{"example.com/mine"} }
	decision := decide(mutate.Write{Old: owned, New: edit(owned, finalized, image("tomcat:8")), User: user}, options)
	assert.Equal(t, edit(owned, finalized), decision.Object, "finalizers are for others to set and to remove")
}

func TestScaleOfAnOwnedOneChangesNothing(t *testing.T) {
	decision := mutate.DecideScale(mutate.ScaleWrite{Object: ownedByWeb(), Replicas: 2, User: user}, options)
	require.NoError(t, decision.Refusal)
	assert.True(t, decision.KeepLive)
	assert.Nil(t, decision.Request)
	assert.Equal(t, []string{editWeb}, decision.Warnings)
}

func TestCreateFromExports(t *testing.T) {
	owned := edit(ownedByWeb(), func(o map[string]any) { o["spec"] = map[string]any(specOf(o).Sealed(hashKey)) })
	for name, c := range map[string]struct {
		export *unstructured.Unstructured
		want   *unstructured.Unstructured
		warns  string
	}{
		"in the middle of a rollout": {rolling(hashed, replicas(1)), tomcat(image("tomcat:8")), "created as it was requested in its annotation rcroll.dev/request (tomcat:8, 5 replicas)"},
		"that was not edited": {rolling(hashed, replicas(1), annotate(api.LiveAnnotation, specOf(tomcat().Object).Hash(hashKey))),
			tomcat(image("tomcat:8")), "created as it was requested"},
		"that was edited": {rolling(image("tomcat:9"), replicas(1), annotate(api.LiveAnnotation, specOf(tomcat().Object).Hash(hashKey))),
			tomcat(image("tomcat:9")), "created with the template that it has (tomcat:9), and with the 5 replicas that were requested"},
		"that was edited while pods are adopted": {tomcat(image("tomcat:9"), hashed, pending(), replicas(2),
			templateLabel(api.AdoptingLabel, specOf(tomcat(image("tomcat:8")).Object).Hash(hashKey))),
			tomcat(image("tomcat:9")), "created with the template that it has"},
		"while pods are adopted": {tomcat(image("tomcat:8"), hashed, pending(), templateLabel(api.AdoptingLabel, "x"), replicas(2)),
			tomcat(image("tomcat:8")), "created as it was requested"},
		"promoted and still pending":      {rolling(annotate(api.PromotedAnnotation, "x")), tomcat(image("tomcat:8")), "created as it was requested"},
		"whose request cannot be read":    {tomcat(annotate(api.RequestAnnotation, "x"), replicas(1)), tomcat(replicas(1)), "cannot be read: created as its spec says (tomcat:7, 1 replicas)"},
		"whose request has no containers": {tomcat(annotate(api.RequestAnnotation, `{"replicas":9,"template":{}}`)), tomcat(), "cannot be read: created as its spec says"},
		"of an owned one": {owned, edit(ownedByWeb(), replicas(0), func(o map[string]any) { delete(at(o, "metadata"), "labels") }),
			"created without rcroll's labels; to have all the pods that were requested, create the export of rc/web instead"},
	} {
		t.Run(name, func(t *testing.T) {
			decision := decide(mutate.Write{New: c.export, User: user}, options)
			require.NoError(t, decision.Refusal)
			got := edit(decision.Object, func(o map[string]any) {
				if len(decision.Object.GetAnnotations()) == 0 {
					delete(at(o, "metadata"), "annotations")
				}
			})
			assert.Equal(t, c.want, got)
			require.Len(t, decision.Warnings, 1)
			assert.Contains(t, decision.Warnings[0], c.warns)
		})
	}
}

func TestScale(t *testing.T) {
	for name, c := range map[string]struct {
		object  *unstructured.Unstructured
		wish    int32
		user    string
		meaning mutate.Meaning
		request int32 // recorded; -1: none
	}{
		"nothing pending":                       {tomcat(), 3, user, mutate.Passes, -1},
		"a wish goes to the request":            {rolling(), 3, user, mutate.Retargets, 3},
		"what is requested already":             {rolling(), 5, user, mutate.Repeats, -1},
		"an autoscaler's scale-up":              {rolling(), 8, hpa, mutate.Retargets, 8},
		"an autoscaler's scale-down":            {rolling(), 2, hpa, mutate.Repeats, -1},
		"a number for the API server to refuse": {rolling(), -1, user, mutate.Passes, -1},
		"a request that does not parse":         {tomcat(annotate(api.RequestAnnotation, "x")), 2, user, mutate.Refused, -1},
	} {
		t.Run(name, func(t *testing.T) {
			decision := mutate.DecideScale(mutate.ScaleWrite{Object: c.object, Replicas: c.wish, User: c.user}, options)
			assert.Equal(t, c.meaning, decision.Meaning)
			assert.Equal(t, c.meaning == mutate.Retargets || c.meaning == mutate.Repeats, decision.KeepLive)
			if c.request < 0 {
				assert.Nil(t, decision.Request)
				return
			}
			assert.Equal(t, c.request, decision.Request.Replicas())
			assert.Equal(t, "tomcat:8", decision.Request.Images()["containers/tomcat"])
		})
	}
}

func requestHash(t *testing.T, img string) string {
	t.Helper()
	return api.SpecOf(tomcat(image(img))).Hash(hashKey)
}

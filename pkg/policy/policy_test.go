package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday

// policies reads specs by their names.
func policies(t testing.TB, specs map[string]string) Set {
	t.Helper()
	var list []v1alpha1.RolloutPolicy
	for name, spec := range specs {
		p := v1alpha1.RolloutPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
		require.NoError(t, yaml.UnmarshalStrict([]byte(spec), &p.Spec))
		list = append(list, p)
	}
	return Compile(list)
}

func one(t testing.TB, spec string) Effective {
	t.Helper()
	return policies(t, map[string]string{"p": spec}).For(Target{})
}

// A policy is about what both of its selectors select.
func TestSelect(t *testing.T) {
	set := policies(t, map[string]string{
		"all":     `{}`,
		"prod":    `{namespaceSelector: {matchLabels: {env: prod}}}`,
		"web":     `{selector: {matchLabels: {app: web}}}`,
		"webprod": `{namespaceSelector: {matchLabels: {env: prod}}, selector: {matchLabels: {app: web}}}`,
		"broken":  `{selector: {matchExpressions: [{key: a, operator: Is}]}}`,
	})
	names := func(target Target) (names []string) {
		for _, p := range set.For(target) {
			names = append(names, p.Name)
		}
		return names
	}
	prod, web := map[string]string{"env": "prod"}, map[string]string{"app": "web"}
	assert.Equal(t, []string{"all"}, names(Target{}))
	assert.Equal(t, []string{"all", "prod"}, names(Target{NamespaceLabels: prod}))
	assert.Equal(t, []string{"all", "web"}, names(Target{Labels: web}))
	assert.Equal(t, []string{"all", "prod", "web", "webprod"}, names(Target{NamespaceLabels: prod, Labels: web}))
	require.ErrorContains(t, set.Named("broken").Problem, "spec.selector")
	assert.NoError(t, set.Named("all").Problem)
	assert.Nil(t, set.Named("none"))
}

// An annotation goes before the defaults of the policy of highest priority, then first name.
func TestSettings(t *testing.T) {
	low := `{priority: 1, defaults: {maxSurge: 3, onFailure: Rollback}}`
	canary := `{defaults: {steps: [{replicas: 1}, {pause: {}}, {percent: 50}, {pause: {duration: 10m}}]}}`
	high := `{priority: 5, defaults: {maxSurge: 50%, trigger: Template, updatePeriod: 2s, progressDeadline: 1m}}`
	for name, c := range map[string]struct {
		specs       map[string]string
		annotations map[string]string
		want        map[string]string
		from        string
	}{
		"no policy":   {nil, map[string]string{"a": "b"}, map[string]string{"a": "b"}, ""},
		"no defaults": {map[string]string{"p": `{priority: 9}`, "q": low}, nil, map[string]string{api.MaxSurgeAnnotation: "3", api.OnFailureAnnotation: "rollback"}, "q"},
		"priority": {map[string]string{"a": low, "b": high}, nil, map[string]string{
			api.MaxSurgeAnnotation: "50%", api.TriggerAnnotation: "template", api.UpdatePeriodAnnotation: "2s", api.ProgressDeadlineAnnotation: "1m"}, "b"},
		"then the name": {map[string]string{"b": low, "a": `{priority: 1, defaults: {maxUnavailable: 1}}`}, nil, map[string]string{api.MaxUnavailableAnnotation: "1"}, "a"},
		"an annotation": {map[string]string{"p": low}, map[string]string{api.MaxSurgeAnnotation: "9"},
			map[string]string{api.MaxSurgeAnnotation: "9", api.OnFailureAnnotation: "rollback"}, "p"},
		"a default that would leave nothing": {map[string]string{"p": `{defaults: {maxSurge: 0, maxUnavailable: 1}}`}, map[string]string{api.MaxUnavailableAnnotation: "0"},
			map[string]string{api.MaxUnavailableAnnotation: "0"}, "p"},
		"steps":                      {map[string]string{"a": canary, "b": `{priority: 1, defaults: {steps: [{percent: 100}]}}`}, nil, map[string]string{api.StepsAnnotation: "100%"}, "b"},
		"steps of low priority":      {map[string]string{"a": canary, "b": `{priority: 1}`}, nil, map[string]string{api.StepsAnnotation: "1,pause,50%,pause=10m"}, "a"},
		"steps of its own":           {map[string]string{"a": canary}, map[string]string{api.StepsAnnotation: "2"}, map[string]string{api.StepsAnnotation: "2"}, "a"},
		"other defaults go before":   {map[string]string{"a": canary, "b": `{priority: 1, defaults: {maxSurge: 2}}`}, nil, map[string]string{api.MaxSurgeAnnotation: "2"}, "b"},
		"steps that do not parse":    {map[string]string{"p": `{defaults: {steps: [{pause: {}}, {pause: {}}]}}`}, nil, nil, ""},
		"a step without anything":    {map[string]string{"p": `{defaults: {steps: [{}]}}`}, nil, nil, ""},
		"defaults that do not parse": {map[string]string{"p": `{defaults: {maxSurge: many}}`}, nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := policies(t, c.specs).For(Target{})
			got := e.Settings(c.annotations)
			assert.Equal(t, c.want, got)
			_, from := e.Defaults()
			assert.Equal(t, c.from, from)
			assert.NoError(t, api.CheckSettings(got, nil))
		})
	}
}

// A request's own time goes before that of the policy whose defaults hold; 0 is none.
func TestMinReadySeconds(t *testing.T) {
	for name, c := range map[string]struct {
		specs     map[string]string
		own, want int32
	}{
		"no policy":                 {nil, 0, 0},
		"no policy, own":            {nil, 7, 7},
		"no default":                {map[string]string{"p": `{defaults: {maxSurge: 2}}`}, 0, 0},
		"a default":                 {map[string]string{"p": `{defaults: {minReadySeconds: 30}}`}, 0, 30},
		"own, less":                 {map[string]string{"p": `{defaults: {minReadySeconds: 30}}`}, 7, 7},
		"own, more":                 {map[string]string{"p": `{defaults: {minReadySeconds: 30}}`}, 60, 60},
		"priority":                  {map[string]string{"p": `{defaults: {minReadySeconds: 30}}`, "q": `{priority: 1, defaults: {minReadySeconds: 5}}`}, 0, 5},
		"defaults are of one":       {map[string]string{"p": `{defaults: {minReadySeconds: 30}}`, "q": `{priority: 1, defaults: {maxSurge: 2}}`}, 0, 0},
		"one without has no say":    {map[string]string{"p": `{defaults: {minReadySeconds: 30}}`, "q": `{priority: 1}`}, 0, 30},
		"what could not be stored":  {map[string]string{"p": `{defaults: {minReadySeconds: -1}}`}, 0, 0},
		"defaults that are invalid": {map[string]string{"p": `{defaults: {minReadySeconds: 30, maxSurge: many}}`}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, policies(t, c.specs).For(Target{}).MinReadySeconds(c.own))
		})
	}
}

// A setting beyond a limit is refused in the name of the policy, and bounded if it is there.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits, key, value, want string
		surge, unavailable       int64 // of 10 pods
	}{
		"within":            {`{maxSurge: 2}`, api.MaxSurgeAnnotation, "2", "", 2, 0},
		"more pods":         {`{maxSurge: 2}`, api.MaxSurgeAnnotation, "3", "3 is beyond what RolloutPolicy p allows: at most 2", 2, 0},
		"more per cent":     {`{maxSurge: 25%}`, api.MaxSurgeAnnotation, "26%", "at most 25%", 3, 0},
		"pods of per cent":  {`{maxSurge: 20%}`, api.MaxSurgeAnnotation, "3", "at most 20%", 2, 0},
		"per cent of pods":  {`{maxSurge: 2}`, api.MaxSurgeAnnotation, "20%", "", 2, 0},
		"unavailable":       {`{maxUnavailable: 0}`, api.MaxUnavailableAnnotation, "1", "at most 0", 1, 0},
		"the default, too":  {`{maxSurge: 0}`, api.MaxUnavailableAnnotation, "1", "", 0, 1},
		"nothing is left":   {`{maxSurge: 0, maxUnavailable: 0}`, api.MaxSurgeAnnotation, "1", "at most 0", 0, 1},
		"a period":          {`{minUpdatePeriod: 10s}`, api.UpdatePeriodAnnotation, "9s", "9s is beyond what RolloutPolicy p allows: at least 10s", 1, 0},
		"a deadline":        {`{maxProgressDeadline: 10m}`, api.ProgressDeadlineAnnotation, "11m", "at most 10m", 1, 0},
		"it does not parse": {`{maxSurge: 1}`, api.MaxSurgeAnnotation, "many", "", 1, 0},
		"a broken limit":    {`{maxSurge: many}`, api.MaxUnavailableAnnotation, "1", "", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := one(t, `{limits: `+c.limits+`}`)
			annotations := map[string]string{c.key: c.value}
			err := e.CheckSettings(annotations, []string{c.key}, 10)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
			require.NoError(t, e.CheckSettings(annotations, nil, 10), "it was there before the policy")
			strategy, _ := api.ParseStrategy(annotations)
			surge, unavailable := e.Bound(strategy).Resolve(10)
			assert.Equal(t, c.surge, surge)
			assert.Equal(t, c.unavailable, unavailable)
		})
	}
	strategy, err := api.ParseStrategy(nil)
	require.NoError(t, err)
	bounded := one(t, `{limits: {minUpdatePeriod: 1m, maxProgressDeadline: 2m}}`).Bound(strategy)
	assert.Equal(t, time.Minute, bounded.UpdatePeriod)
	assert.Equal(t, 2*time.Minute, bounded.ProgressDeadline)
}

func TestImages(t *testing.T) {
	spec := api.Spec{"template": map[string]any{"spec": map[string]any{"containers": []any{
		map[string]any{"name": "a", "image": "good.example/a:1"}, map[string]any{"name": "b", "image": "other.example/b:1"}}}}}
	for name, c := range map[string]struct{ images, want string }{
		"allowed":           {`{prefixes: [good.example/, other.example/]}`, ""},
		"not allowed":       {`{prefixes: [good.example/], message: "see wiki"}`, "RolloutPolicy p does not allow the image other.example/b:1: it must begin with good.example/: see wiki"},
		"a rule":            {`{rule: "images.all(i, i.endsWith(':1'))"}`, ""},
		"a rule not met":    {`{rule: "template.spec.containers.size() == 1", message: one}`, "RolloutPolicy p does not allow the requested template: its rule is not fulfilled: one"},
		"it cannot be told": {`{rule: "template.spec.other == 1"}`, "its rule cannot be evaluated"},
		"no expression":     {`{rule: "images.all("}`, "its rule does not compile"},
		"not true or false": {`{rule: "1"}`, "its rule does not compile"},
	} {
		t.Run(name, func(t *testing.T) {
			err := one(t, `{images: `+c.images+`}`).CheckImages(spec)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}

// A freeze holds everything; windows hold what has begun only if they say so; what was
// overridden holds nothing.
func TestHold(t *testing.T) {
	closed := `windows: [{kind: Deny, start: "11:00", end: "13:00", reason: lunch}]`
	for name, c := range map[string]struct {
		specs      map[string]string
		begun      bool
		overridden []string
		want       *Hold
	}{
		"nothing":             {map[string]string{"p": `{}`}, false, nil, nil},
		"frozen":              {map[string]string{"p": `{frozen: {reason: "all hands"}}`}, true, nil, &Hold{Kind: Frozen, Policy: "p", Message: "RolloutPolicy p holds it: all hands"}},
		"overridden":          {map[string]string{"p": `{frozen: {reason: "all hands"}}`}, false, []string{"p"}, nil},
		"another overridden":  {map[string]string{"p": `{frozen: {reason: r}}`, "q": `{frozen: {reason: r}}`}, false, []string{"p"}, &Hold{Kind: Frozen, Policy: "q", Message: "RolloutPolicy q holds it: r"}},
		"closed":              {map[string]string{"p": `{` + closed + `}`}, false, nil, &Hold{Kind: OutsideWindow, Policy: "p", Until: noon.Add(time.Hour), Message: "RolloutPolicy p allows no rolling update now: lunch, until 2026-03-02T13:00:00Z"}},
		"closed, begun":       {map[string]string{"p": `{` + closed + `}`}, true, nil, nil},
		"closed, begun, Hold": {map[string]string{"p": `{onClose: Hold, ` + closed + `}`}, true, nil, &Hold{Kind: OutsideWindow, Policy: "p", Until: noon.Add(time.Hour), Message: "RolloutPolicy p allows no rolling update now: lunch, until 2026-03-02T13:00:00Z"}},
		"frozen goes first":   {map[string]string{"a": `{` + closed + `}`, "b": `{frozen: {reason: r}}`}, false, nil, &Hold{Kind: Frozen, Policy: "b", Message: "RolloutPolicy b holds it: r"}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, policies(t, c.specs).For(Target{}).Hold(noon, c.begun, c.overridden))
		})
	}
}

func key(name string) types.NamespacedName { return types.NamespacedName{Namespace: "n", Name: name} }

func TestTurns(t *testing.T) {
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	two, one := map[string]int{"p": 2}, map[string]int{"p": 2, "q": 1}
	rollouts := []Waiting{
		{Key: key("begun"), RequestedAt: at(9), Begun: true, Queues: two},
		{Key: key("paused"), RequestedAt: at(0), Queues: two},
		{Key: key("b"), RequestedAt: at(1), Ready: true, Queues: one},
		{Key: key("a"), RequestedAt: at(1), Ready: true, Queues: two},
		{Key: key("c"), RequestedAt: at(2), Ready: true, Queues: map[string]int{"q": 1}},
		{Key: key("free"), RequestedAt: at(3), Ready: true},
	}
	turns, full := Turns(rollouts)
	assert.Equal(t, map[types.NamespacedName]bool{key("a"): true, key("free"): true}, turns)
	assert.Equal(t, "p", full[key("b")].Policy)
	assert.Equal(t, "q", full[key("c")].Policy, "nobody overtakes b, though there is a place")
	assert.Equal(t, "RolloutPolicy p allows 2 at once: it begins in its turn", full[key("b")].Message)
}

// BenchmarkResolve: 1,000 policies are resolved for one of 10,000 ReplicationControllers.
func BenchmarkResolve(b *testing.B) {
	list := make([]v1alpha1.RolloutPolicy, 1000)
	for i := range list {
		list[i].Name = fmt.Sprintf("policy-%d", i)
		list[i].Spec = v1alpha1.RolloutPolicySpec{
			NamespaceSelector:     &metav1.LabelSelector{MatchLabels: map[string]string{"team": fmt.Sprint(i % 100)}},
			Selector:              &metav1.LabelSelector{MatchLabels: map[string]string{"tier": fmt.Sprint(i % 7)}},
			Windows:               []v1alpha1.Window{{Kind: v1alpha1.Deny, Days: []v1alpha1.Day{"Sun"}, TimeZone: "Europe/Berlin"}},
			Priority:              int32(i % 13),
			MaxConcurrentRollouts: ptr.To[int32](5),
		}
	}
	set := Compile(list)
	targets := make([]Target, 10_000)
	for i := range targets {
		targets[i] = Target{NamespaceLabels: map[string]string{"team": fmt.Sprint(i % 100), "env": "prod"}, Labels: map[string]string{"tier": fmt.Sprint(i % 7), "app": fmt.Sprint(i)}}
	}
	b.ResetTimer()
	for i := range b.N {
		e := set.For(targets[i%len(targets)])
		_, _ = e.Hold(noon, false, nil), e.Queues(nil)
	}
}

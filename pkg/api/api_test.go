package api_test

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/api"
)

const text = `{"replicas":5,"selector":{"app":"tomcat"},"template":{"metadata":{"labels":{"app":"tomcat"}},` +
	`"spec":{"containers":[{"name":"tomcat","image":"tomcat:7","fieldOfTomorrow":1}],"initContainers":[{"name":"init","image":"busybox"}]}}}`

func parse(t require.TestingT, text string) api.Spec {
	spec, err := api.ParseSpec(text)
	require.NoError(t, err)
	return spec
}

func TestSpec(t *testing.T) {
	spec := parse(t, text)
	assert.Equal(t, map[string]string{"containers/tomcat": "tomcat:7", "initContainers/init": "busybox"}, spec.Images())
	assert.EqualValues(t, 5, spec.Replicas())
	assert.EqualValues(t, 3, spec.WithReplicas(3).Replicas())
	assert.Contains(t, spec.String(), "fieldOfTomorrow", "fields that this build does not know survive")
	assert.Equal(t, parse(t, text), spec, "nothing changes a Spec in place")
}

func TestHash(t *testing.T) {
	spec := parse(t, text)
	hash := spec.Hash("deployment")
	assert.True(t, api.IsHash(hash))
	assert.Equal(t, hash, spec.WithReplicas(1).Hash("deployment"), "replicas are not part of the template")
	assert.NotEqual(t, hash, parse(t, strings.Replace(text, "tomcat:7", "tomcat:8", 1)).Hash("deployment"))

	hashed := spec.Hashed("deployment")
	assert.Equal(t, map[string]string{"app": "tomcat", "deployment": hash}, hashed.Selector())
	assert.Equal(t, hashed.Selector(), hashed.TemplateLabels())
	assert.Equal(t, hash, hashed.Hash("deployment"), "the hash label is not part of the template")
	mark := map[string]string{api.SealedLabel: hash, api.AdoptingLabel: hash}
	assert.Equal(t, hash, hashed.Labelled(mark, mark).Hash("deployment"), "nor are the marks")
	assert.True(t, hashed.Labelled(mark, mark).Unmarked().Equal(hashed))
	assert.True(t, hashed.Labelled(mark, mark).Unlabelled("deployment").Equal(spec))
}

func TestOwnLabelOfTheSameKeyIsTheUsers(t *testing.T) {
	spec := parse(t, strings.ReplaceAll(text, `"app":"tomcat"`, `"app":"tomcat","deployment":"web"`))
	assert.True(t, spec.Unlabelled("deployment").Equal(spec))
	selector, template := spec.RollLabels("deployment")
	assert.Empty(t, selector)
	assert.Empty(t, template)
}

func TestWhatIsNoSpec(t *testing.T) {
	for _, text := range []string{"", "1", "[]", "{}", `{"replicas":1}`, `{"template":{}}`, `{"replicas":"1","template":{}}`,
		`{"replicas":1,"template":{"metadata":{"labels":[]}}}`, `{"replicas":1,"template":{"spec":{"containers":{}}}}`} {
		_, err := api.ParseSpec(text)
		assert.ErrorContains(t, err, "not a ReplicationControllerSpec", text)
	}
}

func TestCommand(t *testing.T) {
	command := api.Command{Operation: api.Scale, Hash: "x", Replicas: 3}
	parsed, err := api.ParseCommand(command.String())
	require.NoError(t, err)
	assert.Equal(t, command, parsed)
	for _, text := range []string{"", "1", "{}", `{"operation":"dance"}`, `{"operation":"Scale","replicas":-1}`,
		`{"operation":"Approve"}`, `{"operation":"Approve","step":51}`, `{"operation":"Approve","step":-1}`, `{"operation":"Scale","step":1}`} {
		_, err := api.ParseCommand(text)
		assert.ErrorContains(t, err, "not a command", text)
	}
}

func TestStrategy(t *testing.T) {
	strategy, err := api.ParseStrategy(nil)
	require.NoError(t, err)
	assert.Equal(t, api.Strategy{MaxSurge: intstr.FromInt32(1), MaxUnavailable: intstr.FromInt32(0),
		ProgressDeadline: 10 * time.Minute, OnFailure: api.Hold}, strategy)

	strategy, err = api.ParseStrategy(map[string]string{
		api.MaxSurgeAnnotation: "150%", api.MaxUnavailableAnnotation: "2", api.UpdatePeriodAnnotation: "90s",
		api.ProgressDeadlineAnnotation: "1m30s", api.OnFailureAnnotation: "rollback", api.PausedAnnotation: "true"})
	require.NoError(t, err)
	assert.Equal(t, api.Strategy{MaxSurge: intstr.FromString("150%"), MaxUnavailable: intstr.FromInt32(2),
		UpdatePeriod: 90 * time.Second, ProgressDeadline: 90 * time.Second, OnFailure: api.Rollback, Paused: true}, strategy)

	for key, values := range map[string][]string{
		api.MaxSurgeAnnotation:         {"", "lots", "-1", "1.5", "-5%", "1000001", "2147483647", "1001%", "99999999999", "0"}, // 0: maxUnavailable is 0 too
		api.MaxUnavailableAnnotation:   {"", "101%", "-1", "1000001"},
		api.UpdatePeriodAnnotation:     {"", "10", "-1s", "8760h1s", "2562047h"},
		api.ProgressDeadlineAnnotation: {"", "600", "0", "999ms", "-1s", "soon", "8761h"},
		api.OnFailureAnnotation:        {"", "Rollback", "undo"},
		api.StepsAnnotation:            {"", "1,wait", "2,1"},
		api.PausedAnnotation:           {"", "perhaps"},
	} {
		for _, value := range values {
			_, err := api.ParseStrategy(map[string]string{key: value})
			assert.ErrorContains(t, err, key, value)
		}
	}
	_, err = api.ParseStrategy(map[string]string{api.OnFailureAnnotation: "undo", api.ProgressDeadlineAnnotation: "0s"})
	assert.ErrorContains(t, err, `metadata.annotations[rcroll.dev/on-failure]: Unsupported value: "undo": supported values: "hold", "rollback"`)
	assert.ErrorContains(t, err, `metadata.annotations[rcroll.dev/progress-deadline]: Invalid value: "0s": must be a duration from 1s to 8760h, such as "10s" or "1m30s"`)
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		surge, unavailable         string
		desired                    int32
		wantSurge, wantUnavailable int64
	}{
		{"1", "0", 5, 1, 0},
		{"25%", "25%", 10, 3, 2}, // 2.5 rounds up, and down
		{"25%", "25%", 1, 1, 0},
		{"1%", "1%", 10, 1, 0},
		{"0", "5%", 10, 0, 1}, // both come to 0: one may be unavailable
		{"0%", "1", 3, 0, 1},
		{"0", "5", 3, 0, 3}, // no more than there are
		{"1", "0", 0, 1, 0},
		{"1000%", "100%", math.MaxInt32, 10 * math.MaxInt32, math.MaxInt32},
		{"1000000", "1000000", math.MaxInt32, 1000000, 1000000},
	} {
		strategy, err := api.ParseStrategy(map[string]string{api.MaxSurgeAnnotation: c.surge, api.MaxUnavailableAnnotation: c.unavailable})
		require.NoError(t, err)
		surge, unavailable := strategy.Resolve(c.desired)
		assert.Equal(t, [2]int64{c.wantSurge, c.wantUnavailable}, [2]int64{surge, unavailable}, "%+v", c)
	}
}

func TestEveryStrategyMoves(t *testing.T) {
	amount := rapid.OneOf(rapid.StringMatching(`[0-9]{1,7}`), rapid.StringMatching(`[0-9]{1,4}%`))
	rapid.Check(t, func(t *rapid.T) {
		strategy, err := api.ParseStrategy(map[string]string{
			api.MaxSurgeAnnotation: amount.Draw(t, "surge"), api.MaxUnavailableAnnotation: amount.Draw(t, "unavailable")})
		if err != nil {
			t.Skip(err.Error())
		}
		desired := rapid.OneOf(rapid.Int32Range(1, 1000), rapid.Int32Range(math.MaxInt32-1000, math.MaxInt32)).Draw(t, "desired")
		surge, unavailable := strategy.Resolve(desired)
		assert.Positive(t, surge+unavailable)
		assert.GreaterOrEqual(t, surge, int64(0))
		assert.LessOrEqual(t, surge, 10*int64(max(desired, 100_000)))
		assert.GreaterOrEqual(t, unavailable, int64(0))
		assert.LessOrEqual(t, unavailable, int64(desired))
	})
}

func TestCheckSettings(t *testing.T) {
	good := map[string]string{"note": "mine"}
	for i, value := range []string{"2", "25%", "10s", "5m", "rollback", "1,pause", "template", "true", "false"} {
		good[api.Settings[i]] = value
	}
	assert.NoError(t, api.CheckSettings(good, slices.Collect(maps.Keys(good))), "a setting that is not in the list cannot be set")

	const unknown = api.Prefix + "max-surg"
	annotations := map[string]string{unknown: "2", api.EnabledKey: "no", api.PausedAnnotation: "perhaps"}
	assert.ErrorContains(t, api.CheckSettings(annotations, []string{unknown}), unknown)
	err := api.CheckSettings(annotations, nil)
	assert.NotContains(t, err.Error(), unknown)
	assert.ErrorContains(t, err, api.EnabledKey)
	assert.ErrorContains(t, err, api.PausedAnnotation)
	assert.NoError(t, api.CheckSettings(map[string]string{}, []string{unknown}), "it was removed")
}

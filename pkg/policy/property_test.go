package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
)

var amounts = rapid.Custom(func(t *rapid.T) *intstr.IntOrString {
	n := rapid.IntRange(0, 30).Draw(t, "amount")
	return rapid.SampledFrom([]*intstr.IntOrString{nil, ptr.To(intstr.FromInt32(int32(n))), ptr.To(intstr.FromString(fmt.Sprintf("%d%%", n)))}).Draw(t, "as")
})

var windows = rapid.Custom(func(t *rapid.T) v1alpha1.Window {
	clockTime := func(name string) string {
		return fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(t, name), 30*rapid.IntRange(0, 1).Draw(t, "half"))
	}
	return v1alpha1.Window{
		Kind:     rapid.SampledFrom([]v1alpha1.WindowKind{v1alpha1.Allow, v1alpha1.Deny}).Draw(t, "kind"),
		Days:     rapid.SliceOfNDistinct(rapid.SampledFrom(dayNames), 0, 3, rapid.ID[v1alpha1.Day]).Draw(t, "days"),
		Start:    clockTime("start"),
		End:      clockTime("end"),
		TimeZone: rapid.SampledFrom([]string{"", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Nowhere"}).Draw(t, "zone"),
	}
})

var specs = rapid.Custom(func(t *rapid.T) v1alpha1.RolloutPolicySpec {
	spec := v1alpha1.RolloutPolicySpec{
		Priority: rapid.Int32Range(-2, 2).Draw(t, "priority"),
		Limits:   &v1alpha1.RolloutLimits{MaxSurge: amounts.Draw(t, "surge"), MaxUnavailable: amounts.Draw(t, "unavailable")},
		Windows:  rapid.SliceOfN(windows, 0, 3).Draw(t, "windows"),
		OnClose:  rapid.SampledFrom([]v1alpha1.OnClose{"", v1alpha1.OnCloseFinish, v1alpha1.OnCloseHold}).Draw(t, "onClose"),
	}
	if rapid.Bool().Draw(t, "has defaults") {
		spec.Defaults = &v1alpha1.RolloutDefaults{MaxSurge: amounts.Draw(t, "default")}
	}
	if rapid.IntRange(0, 5).Draw(t, "frozen") == 0 {
		spec.Frozen = &v1alpha1.Freeze{Reason: "r"}
	}
	if rapid.Bool().Draw(t, "has a queue") {
		spec.MaxConcurrentRollouts = ptr.To(rapid.Int32Range(1, 3).Draw(t, "queue"))
	}
	if rapid.Bool().Draw(t, "has images") {
		spec.Images = &v1alpha1.AllowedImages{Prefixes: rapid.SliceOfN(rapid.SampledFrom([]string{"a/", "b/", "a/x"}), 1, 2).Draw(t, "prefixes")}
	}
	return spec
})

func named(specs []v1alpha1.RolloutPolicySpec) []v1alpha1.RolloutPolicy {
	out := make([]v1alpha1.RolloutPolicy, len(specs))
	for i := range specs {
		out[i] = v1alpha1.RolloutPolicy{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p%d", i)}, Spec: specs[i]}
	}
	return out
}

// TestMorePoliciesRestrictMore: adding a policy loosens nothing, and the order in which
// policies are read means nothing.
func TestMorePoliciesRestrictMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := named(rapid.SliceOfN(specs, 1, 4).Draw(t, "policies"))
		fewer := Compile(all[:len(all)-1]).For(Target{})
		more := Compile(all).For(Target{})
		now := noon.Add(time.Duration(rapid.IntRange(0, 365*48).Draw(t, "now")) * 30 * time.Minute)
		begun := rapid.Bool().Draw(t, "begun")
		key := rapid.SampledFrom([]string{api.MaxSurgeAnnotation, api.MaxUnavailableAnnotation}).Draw(t, "key")
		annotations := map[string]string{key: rapid.SampledFrom([]string{"0", "1", "5", "20%", "100%"}).Draw(t, "value")}
		spec := api.Spec{"template": map[string]any{"spec": map[string]any{"containers": []any{
			map[string]any{"name": "c", "image": rapid.SampledFrom([]string{"a/x", "a/y", "b/z", "c"}).Draw(t, "image")}}}}}

		before, after := fewer.Hold(now, begun, nil), more.Hold(now, begun, nil)
		require.False(t, before != nil && after == nil, "held before, and not by one more")
		if before != nil && after != nil && !after.Until.IsZero() {
			require.False(t, before.Kind == Frozen || before.Until.IsZero() || after.Until.Before(before.Until), "it begins earlier")
		}
		require.False(t, fewer.CheckSettings(annotations, []string{key}, 10) != nil && more.CheckSettings(annotations, []string{key}, 10) == nil)
		require.False(t, fewer.CheckImages(spec) != nil && more.CheckImages(spec) == nil)
		if strategy, err := api.ParseStrategy(annotations); err == nil {
			surge, unavailable := fewer.Bound(strategy).Resolve(10)
			surgeAfter, unavailableAfter := more.Bound(strategy).Resolve(10)
			require.LessOrEqual(t, surgeAfter, surge)
			require.True(t, unavailableAfter <= unavailable || unavailableAfter == 1 && surgeAfter == 0)
		}
		for name, most := range fewer.Queues(nil) {
			require.Equal(t, most, more.Queues(nil)[name])
		}

		shuffled := Compile(rapid.Permutation(all).Draw(t, "order")).For(Target{})
		require.Equal(t, after, shuffled.Hold(now, begun, nil))
		require.Equal(t, more.Settings(annotations), shuffled.Settings(annotations))
	})
}

// TestOpens: what is said of the opening is true: it is open then, and was not before.
func TestOpens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Compile(named([]v1alpha1.RolloutPolicySpec{
			{Windows: rapid.SliceOfN(windows, 1, 3).Draw(t, "a")}, {Windows: rapid.SliceOfN(windows, 0, 2).Draw(t, "b")}})).For(Target{})
		now := noon.Add(time.Duration(rapid.IntRange(0, 365*48).Draw(t, "now")) * 30 * time.Minute)
		hold := e.Hold(now, false, nil)
		if hold == nil {
			return
		}
		until := hold.Until
		if until.IsZero() {
			until = now.Add(8 * 24 * time.Hour)
		} else {
			require.Nil(t, e.Hold(until, false, nil))
		}
		steps := int(until.Sub(now) / (15 * time.Minute))
		for range min(steps, 20) {
			moment := now.Add(time.Duration(rapid.IntRange(0, steps-1).Draw(t, "before")) * 15 * time.Minute)
			require.NotNil(t, e.Hold(moment, false, nil), moment)
		}
	})
}

// TestTurnsAreFair: no queue is overrun, nobody overtakes in a queue, and somebody begins if
// nobody is in progress.
func TestTurnsAreFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := map[string]int{"p": rapid.IntRange(1, 3).Draw(t, "p"), "q": rapid.IntRange(1, 3).Draw(t, "q")}
		rollouts := make([]Waiting, rapid.IntRange(0, 8).Draw(t, "rollouts"))
		anyReady, anyBegun := false, false
		for i := range rollouts {
			w := Waiting{Key: key(fmt.Sprint(i)), RequestedAt: noon.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "at")) * time.Second), Queues: map[string]int{}}
			w.Begun, w.Ready = rapid.IntRange(0, 4).Draw(t, "begun") == 0, rapid.Bool().Draw(t, "ready")
			for name, most := range limits {
				if rapid.Bool().Draw(t, "in "+name) {
					w.Queues[name] = most
				}
			}
			anyReady, anyBegun = anyReady || w.Ready && !w.Begun, anyBegun || w.Begun
			rollouts[i] = w
		}
		turns, full := Turns(rollouts)
		require.True(t, len(turns) > 0 || !anyReady || anyBegun)
		taken, begun := map[string]int{}, map[string]int{}
		for _, w := range rollouts {
			require.False(t, turns[w.Key] && (!w.Ready || w.Begun))
			require.Equal(t, w.Ready && !w.Begun, turns[w.Key] || full[w.Key] != nil)
			for name := range w.Queues {
				if w.Begun {
					begun[name]++
				}
				if turns[w.Key] {
					taken[name]++
				}
				for _, other := range rollouts {
					_, same := other.Queues[name]
					require.False(t, same && full[w.Key] != nil && full[w.Key].Policy == name && turns[other.Key] && other.RequestedAt.After(w.RequestedAt))
				}
			}
		}
		for name, most := range limits {
			require.True(t, taken[name] == 0 || taken[name]+begun[name] <= most)
		}
	})
}

// TestStepsOfAPolicy: what the API server lets in means the same as annotation.
func TestStepsOfAPolicy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var given []v1alpha1.Step
		var want []string
		pauses := func(name string) {
			if !rapid.Bool().Draw(t, name) {
				return
			}
			seconds := rapid.IntRange(0, 7200).Draw(t, "seconds")
			pause, text := &v1alpha1.Pause{}, "pause"
			if seconds > 0 {
				pause.Duration = ptr.To(v1alpha1.Duration(fmt.Sprintf("%ds", seconds)))
				text = api.Step{Pause: true, Duration: time.Duration(seconds) * time.Second}.String()
			}
			given, want = append(given, v1alpha1.Step{Pause: pause}), append(want, text)
		}
		replicas, percent := int32(-1), int32(-1)
		pauses("begins with a pause")
		for range rapid.IntRange(1, 20).Draw(t, "sizes") {
			if rapid.Bool().Draw(t, "percent") {
				percent += rapid.Int32Range(1, 5).Draw(t, "more")
				given, want = append(given, v1alpha1.Step{Percent: ptr.To(percent)}), append(want, fmt.Sprintf("%d%%", percent))
			} else {
				replicas += rapid.Int32Range(1, 1000).Draw(t, "more")
				given, want = append(given, v1alpha1.Step{Replicas: ptr.To(replicas)}), append(want, fmt.Sprint(replicas))
			}
			pauses("then pauses")
		}
		e := Compile(named([]v1alpha1.RolloutPolicySpec{{Defaults: &v1alpha1.RolloutDefaults{Steps: given}}})).For(Target{})
		require.NoError(t, e[0].Problem)
		require.Equal(t, strings.Join(want, ","), e.Settings(nil)[api.StepsAnnotation])
	})
}

// FuzzPolicy: whatever is in a policy, nothing panics, and the deciding is repeatable.
func FuzzPolicy(f *testing.F) {
	f.Add(`{"windows":[{"kind":"Allow","days":["Mon"],"start":"09:00","end":"17:00","timeZone":"Europe/Berlin"}],"onClose":"Hold"}`, int64(1_760_000_000), "1")
	f.Add(`{"frozen":{"reason":"r"},"defaults":{"maxSurge":"25%"},"limits":{"maxSurge":-1,"maxUnavailable":"x"}}`, int64(0), "10%")
	f.Add(`{"defaults":{"steps":[{"replicas":1},{"pause":{}},{"percent":50},{"pause":{"duration":"10m"}}]}}`, int64(0), "1")
	f.Add(`{"images":{"rule":"images.all(i, i.startsWith('a/'))"},"maxConcurrentRollouts":0}`, int64(-1), "0")
	f.Fuzz(func(t *testing.T, text string, unix int64, surge string) {
		var spec v1alpha1.RolloutPolicySpec
		if json.Unmarshal([]byte(text), &spec) != nil || unix < -1<<33 || unix > 1<<33 {
			t.Skip()
		}
		e := Compile(named([]v1alpha1.RolloutPolicySpec{spec})).For(Target{})
		annotations := map[string]string{api.MaxSurgeAnnotation: surge}
		if strategy, err := api.ParseStrategy(e.Settings(annotations)); err == nil {
			e.Bound(strategy).Resolve(7)
		}
		_ = e.CheckSettings(annotations, []string{api.MaxSurgeAnnotation}, 7)
		_ = e.CheckImages(api.Spec{"template": map[string]any{}})
		now := time.Unix(unix, 0)
		require.Equal(t, e.Hold(now, false, nil), e.Hold(now, false, nil))
		if len(e) > 0 {
			Turns([]Waiting{{Key: key("a"), Ready: true, Queues: e.Queues(nil)}})
		}
	})
}

// TestSettingsParse: whatever amounts policy and owner write, what they are together is valid.
func TestSettingsParse(t *testing.T) {
	amounts := []string{"", "0", "1", "0%", "25%", "00", "00%"}
	for _, surge := range amounts {
		for _, unavailable := range amounts {
			spec := v1alpha1.RolloutPolicySpec{Defaults: &v1alpha1.RolloutDefaults{MaxSurge: amount(surge), MaxUnavailable: amount(unavailable)}}
			e := Compile([]v1alpha1.RolloutPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: spec}}).For(Target{})
			if e[0].Problem != nil {
				continue
			}
			for _, ownSurge := range amounts {
				for _, ownUnavailable := range amounts {
					own := map[string]string{api.MaxSurgeAnnotation: ownSurge, api.MaxUnavailableAnnotation: ownUnavailable}
					maps.DeleteFunc(own, func(_, value string) bool { return value == "" })
					if api.CheckSettings(own, nil) != nil {
						continue // refused when it is set
					}
					_, err := api.ParseStrategy(e.Settings(own))
					assert.NoError(t, err, "defaults %q %q, own %v", surge, unavailable, own)
				}
			}
		}
	}
}

func amount(text string) *intstr.IntOrString {
	if text == "" {
		return nil
	}
	return ptr.To(intstr.FromString(text))
}

package mutate

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/rcroll/rcroll/pkg/api"
)

// ofContainer is a spec with one container, whose fields are given as YAML.
func ofContainer(t *testing.T, fields string) api.Spec {
	t.Helper()
	container := map[string]any{}
	require.NoError(t, yaml.Unmarshal([]byte(fields), &container))
	container["name"] = "main"
	return ofPodSpec(t, map[string]any{"containers": []any{container}})
}

func ofPodSpec(t *testing.T, podSpec map[string]any) api.Spec {
	t.Helper()
	spec := corev1.ReplicationControllerSpec{}
	object := map[string]any{"template": map[string]any{"spec": podSpec}}
	text, err := yaml.Marshal(object)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &spec))
	return stored(t, spec)
}

// stored is a spec as the API server stores it: without what is empty.
func stored(t require.TestingT, spec corev1.ReplicationControllerSpec) api.Spec {
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&spec)
	require.NoError(t, err)
	return api.Spec(object)
}

func TestMerge(t *testing.T) {
	const (
		dns    = `{containerPort: 53, protocol: UDP, name: dns}`
		dnsTCP = `{containerPort: 53, protocol: TCP, name: dns-tcp}`
		named  = `{containerPort: 53, protocol: TCP, name: mine}`
		web    = `{containerPort: 80, protocol: TCP}`
	)
	for name, c := range map[string]struct {
		live, wanted, pending string

		want    string
		refused string
	}{
		"changes of different fields add up": {
			live: `{image: a:1}`, wanted: `{image: a:1, env: [{name: A, value: "1"}]}`, pending: `{image: a:2}`,
			want: `{image: a:2, env: [{name: A, value: "1"}]}`,
		},
		"the last write of a field wins": {
			live: `{image: a:1, args: [x]}`, wanted: `{image: a:3, args: [x, "z"]}`, pending: `{image: a:2, args: ["b"]}`,
			want: `{image: a:3, args: [x, "z"]}`,
		},
		"ports are told apart by protocol, too": {
			live:    fmt.Sprintf(`{ports: [%s, %s]}`, dns, dnsTCP),
			wanted:  fmt.Sprintf(`{ports: [%s, %s]}`, dns, named),
			pending: fmt.Sprintf(`{image: a:2, ports: [%s, %s, %s]}`, dns, dnsTCP, web),
			want:    fmt.Sprintf(`{image: a:2, ports: [%s, %s, %s]}`, dns, named, web),
		},
		"a list with a repeated key is one value": {
			live: `{env: [{name: A, value: "1"}, {name: A, value: "2"}]}`, wanted: `{env: [{name: A, value: "1"}]}`,
			pending: `{image: a:2, env: [{name: A, value: "1"}, {name: A, value: "2"}]}`,
			want:    `{image: a:2, env: [{name: A, value: "1"}]}`,
		},
		"unless the request changes it as well": {
			live: `{env: [{name: A, value: "1"}, {name: A, value: "2"}]}`, wanted: `{env: [{name: A, value: "3"}, {name: A, value: "2"}]}`,
			pending: `{env: [{name: A, value: "1"}, {name: A, value: "2"}, {name: B}]}`,
			refused: "spec.template.spec.containers[main].env[A]: several entries have this key",
		},
		"both variables removed, one after the other": {
			live: `{env: [{name: DEBUG}, {name: TRACE}]}`, wanted: `{env: [{name: DEBUG}]}`, pending: `{env: [{name: TRACE}]}`,
			want: `{}`,
		},
		"the last variable removed, and another one added before": {
			live: `{env: [{name: A}]}`, wanted: `{}`, pending: `{env: [{name: A}, {name: B}]}`,
			want: `{env: [{name: B}]}`,
		},
		"all variables removed, and another one added then": {
			live: `{env: [{name: A}]}`, wanted: `{env: [{name: A}, {name: B}]}`, pending: `{}`,
			want: `{env: [{name: B}]}`,
		},
		"limits and requests set one after the other": {
			live: `{}`, wanted: `{resources: {requests: {cpu: "1"}}}`, pending: `{resources: {limits: {cpu: "2"}}}`,
			want: `{resources: {requests: {cpu: "1"}, limits: {cpu: "2"}}}`,
		},
		"both limits removed, one after the other": {
			live:   `{resources: {limits: {cpu: "1", memory: 1Gi}}}`,
			wanted: `{resources: {limits: {cpu: "1"}}}`, pending: `{resources: {limits: {memory: 1Gi}}}`,
			want: `{resources: {}}`,
		},
		"a variable has a value or a source": {
			live: `{env: [{name: A, value: "1"}]}`, wanted: `{env: [{name: A, value: "2"}]}`,
			pending: `{env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}`,
			want:    `{env: [{name: A, value: "2"}]}`,
		},
		"variables added one after the other stand in that order": {
			live: `{env: [{name: A}]}`, wanted: `{env: [{name: X}, {name: A}, {name: C}]}`, pending: `{env: [{name: A}, {name: B}]}`,
			want: `{env: [{name: X}, {name: A}, {name: B}, {name: C}]}`,
		},
		"another order": {
			live: `{env: [{name: A}, {name: B}]}`, wanted: `{env: [{name: B}, {name: A}]}`, pending: `{env: [{name: A}, {name: B}, {name: C}]}`,
			want: `{env: [{name: B}, {name: A}, {name: C}]}`,
		},
		"another order was requested": {
			live: `{env: [{name: A}, {name: B}]}`, wanted: `{env: [{name: A}, {name: B, value: "1"}]}`, pending: `{env: [{name: B}, {name: A}]}`,
			want: `{env: [{name: B, value: "1"}, {name: A}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			merged, err := merge(ofContainer(t, c.live), ofContainer(t, c.wanted), ofContainer(t, c.pending))
			if c.refused != "" {
				require.ErrorContains(t, err, c.refused)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, ofContainer(t, c.want), merged)
		})
	}
}

// A change of a container that is pending to be removed brings the whole container
// back, and not the changed field alone.
func TestMergeOfWhatIsPendingToBeRemoved(t *testing.T) {
	pod := func(containers ...any) api.Spec { return ofPodSpec(t, map[string]any{"containers": containers}) }
	main := map[string]any{"name": "main", "image": "main:1"}
	proxy := func(image string) map[string]any {
		return map[string]any{"name": "proxy", "image": image, "command": []any{"run"}}
	}
	merged, err := merge(pod(main, proxy("proxy:1")), pod(main, proxy("proxy:2")), pod(main))
	require.NoError(t, err)
	assert.Equal(t, pod(main, proxy("proxy:2")), merged)
}

// Fields that this build does not know are kept, and merged where they are maps.
func TestMergeOfUnknownFields(t *testing.T) {
	spec := func(future any) api.Spec {
		return api.Spec{"replicas": int64(1), "future": future}
	}
	merged, err := merge(spec(map[string]any{"a": "1"}), spec(map[string]any{"a": "2"}), spec(map[string]any{"a": "1", "b": []any{}}))
	require.NoError(t, err)
	assert.Equal(t, spec(map[string]any{"a": "2", "b": []any{}}), merged)
}

// drawSpec is a spec whose lists have keys that repeat now and then.
func drawSpec(t *rapid.T, label string) corev1.ReplicationControllerSpec {
	few := func(what string) int { return rapid.IntRange(0, 3).Draw(t, label+what) }
	one := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label+what) }
	drawContainer := func(name string) corev1.Container {
		c := corev1.Container{Name: name, Image: one("image", "a:1", "a:2")}
		for range few("env") {
			c.Env = append(c.Env, corev1.EnvVar{Name: one("variable", "A", "B", "C"), Value: one("value", "1", "2")})
		}
		for range few("ports") {
			c.Ports = append(c.Ports, corev1.ContainerPort{ContainerPort: int32(few("port")), Name: one("port name", "x", "y"),
				Protocol: corev1.Protocol(one("protocol", "TCP", "UDP"))})
		}
		for range few("mounts") {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{MountPath: one("path", "/a", "/b", "/c"), Name: one("mount", "x", "y")})
		}
		if rapid.Bool().Draw(t, label+"limits") {
			c.Resources.Limits = corev1.ResourceList{corev1.ResourceName(one("limit", "cpu", "memory")): resource.MustParse("1")}
		}
		return c
	}
	spec := corev1.ReplicationControllerSpec{Template: &corev1.PodTemplateSpec{}}
	pod := &spec.Template.Spec
	pod.Containers = []corev1.Container{drawContainer("main"), drawContainer("proxy")}
	for range few("volumes") {
		volume := corev1.Volume{Name: one("volume", "x", "y", "z")}
		if rapid.Bool().Draw(t, label+"source") {
			volume.EmptyDir = &corev1.EmptyDirVolumeSource{}
		} else {
			volume.HostPath = &corev1.HostPathVolumeSource{Path: "/"}
		}
		pod.Volumes = append(pod.Volumes, volume)
	}
	for range few("aliases") {
		pod.HostAliases = append(pod.HostAliases, corev1.HostAlias{IP: one("ip", "10.0.0.1", "10.0.0.2"), Hostnames: []string{one("host", "a", "b")}})
	}
	for range few("secrets") {
		pod.ImagePullSecrets = append(pod.ImagePullSecrets, corev1.LocalObjectReference{Name: one("secret", "a", "b", "c")})
	}
	for range few("constraints") {
		pod.TopologySpreadConstraints = append(pod.TopologySpreadConstraints, corev1.TopologySpreadConstraint{TopologyKey: one("topology", "zone", "host"),
			WhenUnsatisfiable: corev1.UnsatisfiableConstraintAction(one("unsatisfiable", "DoNotSchedule", "ScheduleAnyway")), MaxSkew: int32(few("skew"))})
	}
	if rapid.Bool().Draw(t, label+"selects nodes") {
		pod.NodeSelector = map[string]string{one("node", "a", "b"): "x"}
	}
	return spec
}

const fresh = "fresh"

// withFresh adds an element with a key of its own to every list, and asks for another image.
func withFresh(spec corev1.ReplicationControllerSpec) corev1.ReplicationControllerSpec {
	spec = *spec.DeepCopy()
	pod := &spec.Template.Spec
	for i := range pod.Containers {
		c := &pod.Containers[i]
		c.Image = fresh
		c.Env = append(c.Env, corev1.EnvVar{Name: fresh})
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: fresh, ContainerPort: 99})
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: fresh, MountPath: fresh})
	}
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: fresh})
	pod.HostAliases = append(pod.HostAliases, corev1.HostAlias{IP: fresh})
	pod.ImagePullSecrets = append(pod.ImagePullSecrets, corev1.LocalObjectReference{Name: fresh})
	pod.TopologySpreadConstraints = append(pod.TopologySpreadConstraints, corev1.TopologySpreadConstraint{TopologyKey: fresh})
	return spec
}

// withoutFresh takes that out of a merged spec again.
func withoutFresh(value any, wanted any) any {
	switch value := value.(type) {
	case map[string]any:
		out, wanted := map[string]any{}, asMap(wanted)
		for key, child := range value {
			if child == fresh {
				child = wanted[key] // the image
			}
			if kept := withoutFresh(child, wanted[key]); kept != nil {
				out[key] = kept
			}
		}
		return out
	case []any:
		var out []any
		for _, child := range value {
			if isFresh(child) {
				continue
			}
			at, _ := wanted.([]any)
			var counterpart any
			if len(out) < len(at) {
				counterpart = at[len(out)]
			}
			out = append(out, withoutFresh(child, counterpart))
		}
		if out == nil {
			return nil
		}
		return out
	}
	return value
}

func asMap(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

func isFresh(value any) bool {
	for _, key := range []string{"name", "ip", "topologyKey"} {
		if asMap(value)[key] == fresh {
			return true
		}
	}
	return false
}

// TestMergeIsFaithful: what the write changed in the live spec is in the result exactly
// as it was sent, whatever keys repeat, or the write is refused; never something third.
func TestMergeIsFaithful(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		live, wanted := drawSpec(t, "live "), drawSpec(t, "wanted ")
		before, after := stored(t, live), stored(t, wanted)

		merged, err := merge(before, after, before)
		require.NoError(t, err, "a request of what is live is never in the way")
		require.Equal(t, after, merged)

		merged, err = merge(before, before, after)
		require.NoError(t, err)
		require.Equal(t, after, merged, "who changes nothing changes nothing of the request")

		merged, err = merge(before, after, stored(t, withFresh(live)))
		if err != nil {
			require.ErrorContains(t, err, "several entries have this key")
			return
		}
		require.Equal(t, map[string]any(after), withoutFresh(map[string]any(merged), map[string]any(after)))
	})
}

// TestMergeIsStoredAsItIs: nothing is in the result that the API server would drop; a
// live spec could never equal such a request.
func TestMergeIsStoredAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		live, wanted, pending := stored(t, drawSpec(t, "live ")), stored(t, drawSpec(t, "wanted ")), stored(t, drawSpec(t, "pending "))
		merged, err := merge(live, wanted, pending)
		if err != nil {
			return
		}
		var typed corev1.ReplicationControllerSpec
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(merged, &typed))
		require.Equal(t, stored(t, typed), merged)
		again, err := merge(live, wanted, merged)
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(merged, again), "the same write again changes nothing")
	})
}

// longSpecs are as long as they come: 30,000 variables are more than an object may hold.
func longSpecs() (live, wanted, pending api.Spec) {
	build := func(value, image string) api.Spec {
		var env []any
		for i := range 30_000 {
			env = append(env, map[string]any{"name": fmt.Sprintf("VARIABLE_%d", i), "value": value})
		}
		return api.Spec{"template": map[string]any{"spec": map[string]any{"containers": []any{
			map[string]any{"name": "main", "image": image, "env": env}}}}}
	}
	return build("1", "a:1"), build("2", "a:1"), build("3", "a:2")
}

func BenchmarkMerge(b *testing.B) {
	live, wanted, pending := longSpecs()
	for b.Loop() {
		if _, err := merge(live, wanted, pending); err != nil {
			b.Fatal(err)
		}
	}
}

// A review must not take longer than the API server waits, whatever somebody sends.
func TestMergeOfLongLists(t *testing.T) {
	live, wanted, pending := longSpecs()
	began := time.Now()
	merged, err := merge(live, wanted, pending)
	require.NoError(t, err)
	assert.Less(t, time.Since(began), 30*time.Second, "half a second of processor time; what is quadratic takes minutes")
	assert.True(t, strings.Contains(merged.String(), `"a:2"`))
}

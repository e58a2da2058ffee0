package helm

import (
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const (
	chartDir = "../../charts/rcroll"
	baseDir  = "../../manifests/base"
	localDir = "../../manifests/overlays/local"
)

// objects are those of a stream of manifests, by kind and name.
func objects(t *testing.T, manifests string) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		var object map[string]any
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		if object == nil {
			continue
		}
		metadata := object["metadata"].(map[string]any)
		object = normal(object).(map[string]any)
		key := object["kind"].(string) + " " + metadata["name"].(string)
		require.NotContains(t, found, key)
		found[key] = object
	}
}

var emptyLines = regexp.MustCompile(`\n\n+`)

// normal takes empty lines out of texts: kustomize encodes some of CEL's that are folded with
// one too many, where it has no meaning.
func normal(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = normal(v[key])
		}
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case string:
		return emptyLines.ReplaceAllString(v, "\n")
	}
	return value
}

func render(t *testing.T, release Release, values string) map[string]map[string]any {
	t.Helper()
	rendered, err := Render(chartDir, release, parse(t, values))
	require.NoError(t, err)
	return objects(t, rendered.Manifests)
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var values map[string]any
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &values))
	return values
}

var inSystem = Release{Name: "rcroll", Namespace: "rcroll-system", KubeVersion: "v1.37.2"}

// base is what kustomize makes of manifests/base.
func base(t *testing.T) string { return kustomize(t, baseDir) }

func kustomize(t *testing.T, dir string) string {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	require.NoError(t, err)
	text, err := resources.AsYaml()
	require.NoError(t, err)
	return string(text)
}

// TestSameAsBase: with the default values the chart installs what manifests/base does,
// but for the namespace, which is made by who installs a chart, and what keeps the policies.
func TestSameAsBase(t *testing.T) {
	want := objects(t, base(t))
	require.Contains(t, want, "Namespace rcroll-system")
	delete(want, "Namespace rcroll-system")
	got := render(t, inSystem, "crds: {keep: false}") // which kubectl knows nothing of
	for key := range got {
		assert.Contains(t, want, key, "the chart only")
	}
	for key, object := range want {
		assert.Equal(t, object, got[key], key)
	}
	assert.Greater(t, len(want), 25)
}

// TestLocalIsBase: what the tests and the demo install is what users install, but for the
// pods, which are processes there. (The URL in place of the Service is the test control
// plane's, see hack/localcluster.)
func TestLocalIsBase(t *testing.T) {
	want := objects(t, base(t))
	for _, name := range []string{"Deployment rcroll-webhook", "Deployment rcroll-agent"} {
		spec := want[name]["spec"].(map[string]any)
		require.EqualValues(t, 2, spec["replicas"])
		spec["replicas"] = float64(0)
	}
	assert.Equal(t, want, objects(t, kustomize(t, localDir)))
}

// TestAnyNamespace: another namespace and release name change nothing but the
// namespace, wherever it is named.
func TestAnyNamespace(t *testing.T) {
	manifests := func(release Release) string {
		rendered, err := Render(chartDir, release, nil)
		require.NoError(t, err)
		return rendered.Manifests + rendered.Hooks + rendered.Notes
	}
	// A name that YAML takes for something else, were it not quoted.
	for key, object := range render(t, Release{Name: "x", Namespace: "y"}, "") {
		if namespace, found := object["metadata"].(map[string]any)["namespace"]; found {
			assert.Equal(t, "y", namespace, key)
		}
	}
	other := manifests(Release{Name: "x", Namespace: "y-place", KubeVersion: "v1.37.2"})
	assert.NotContains(t, other, "rcroll-system")
	assert.Equal(t, manifests(inSystem), strings.ReplaceAll(other, "y-place", "rcroll-system"))
}

// TestNamespaceByReplacement: what docs/install.md says of another namespace without Helm.
func TestNamespaceByReplacement(t *testing.T) {
	replaced := objects(t, strings.ReplaceAll(base(t), "rcroll-system", "platform"))
	delete(replaced, "Namespace platform")
	assert.Equal(t, render(t, Release{Name: "x", Namespace: "platform", KubeVersion: "v1.37.2"}, "crds: {keep: false}"), replaced)
}

// TestBeforeMutatingPolicies: an older API server is not asked for what it does not know.
func TestBeforeMutatingPolicies(t *testing.T) {
	old := inSystem
	old.KubeVersion = "v1.35.0"
	missing := []string{}
	got := render(t, old, "")
	for key := range render(t, inSystem, "") {
		if got[key] == nil {
			missing = append(missing, key)
		}
	}
	assert.ElementsMatch(t, []string{"MutatingAdmissionPolicy rcroll-handed-over", "MutatingAdmissionPolicyBinding rcroll-handed-over"}, missing)
}

// TestNoWildcards: what a role grants can be read in it.
func TestNoWildcards(t *testing.T) {
	rendered, err := Render(chartDir, inSystem, nil)
	require.NoError(t, err)
	roles := 0
	for key, object := range objects(t, rendered.Manifests+rendered.Hooks) {
		rules, found := object["rules"].([]any)
		if !found {
			continue
		}
		roles++
		for _, rule := range rules {
			for field, values := range rule.(map[string]any) {
				assert.NotContains(t, values, "*", "%s: %s", key, field)
			}
		}
	}
	assert.Equal(t, 6, roles)
}

func TestLint(t *testing.T) {
	result := lint.RunAll(chartDir, nil, "y")
	for _, message := range result.Messages {
		if message.Severity > support.InfoSev {
			assert.Fail(t, message.Error())
		}
	}
}

// TestValuesAreDocumented: the schema knows every value of values.yaml, and no other.
func TestValuesAreDocumented(t *testing.T) {
	text, err := os.ReadFile(chartDir + "/values.yaml")
	require.NoError(t, err)
	var values map[string]any
	require.NoError(t, yaml.Unmarshal(text, &values))
	text, err = os.ReadFile(chartDir + "/values.schema.json")
	require.NoError(t, err)
	var schema map[string]any
	require.NoError(t, yaml.Unmarshal(text, &schema))
	properties := schema["properties"].(map[string]any)
	delete(properties, "global") // Helm's own
	compareKeys(t, "", values, properties)
}

// free are the values whose keys are not the chart's.
var free = regexp.MustCompile(`^\.(certificates\.issuerRef|(webhook|agent)\.resources|nodeSelector|.*\.labels)$`)

func compareKeys(t *testing.T, path string, values, properties map[string]any) {
	for key := range values {
		assert.Contains(t, properties, key, path)
	}
	for key, property := range properties {
		assert.Contains(t, values, key, path)
		nested, isMap := values[key].(map[string]any)
		if isMap && !free.MatchString(path+"."+key) {
			compareKeys(t, path+"."+key, nested, property.(map[string]any)["properties"].(map[string]any))
		}
	}
}

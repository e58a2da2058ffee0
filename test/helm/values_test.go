package helm

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// changes are values other than the defaults, and what of the rendered text shows them.
var changes = map[string]struct {
	values          string
	contains, lacks []string
}{
	"image": {"image: {registry: mirror.example:5000, tag: v9, pullPolicy: Always, pullSecrets: [{name: creds}]}",
		[]string{`image: "mirror.example:5000/rcroll/rcroll-webhook:v9"`, `image: "mirror.example:5000/rcroll/rcroll-agent:v9"`, "imagePullPolicy: Always", "- name: creds"}, []string{"ghcr.io"}},
	"digest of the webhook": {"webhook: {image: {repository: a/w, digest: '" + digest + "'}}", []string{`image: "ghcr.io/a/w@` + digest + `"`}, nil},
	"digest of the agent":   {"agent: {image: {repository: a/a, digest: '" + digest + "'}}", []string{`image: "ghcr.io/a/a@` + digest + `"`}, nil},
	"one replica of each":   {"webhook: {replicas: 1}\nagent: {replicas: 1}", []string{"replicas: 1"}, []string{"kind: PodDisruptionBudget", "replicas: 2"}},
	"memory": {"webhook: {resources: {limits: {memory: 1Gi}}}\nagent: {resources: {limits: {memory: 512Mi}}}",
		[]string{`value: "921MiB"`, `value: "460MiB"`, "memory: 1Gi", "memory: 512Mi"}, []string{"230MiB"}},
	"port":         {"webhook: {port: 9443}", []string{"- --port=9443", "containerPort: 9443"}, []string{"10250"}},
	"host network": {"webhook: {port: 9443, hostNetwork: true}", []string{"hostNetwork: true", "dnsPolicy: ClusterFirstWithHostNet"}, nil},
	"nodes": {"nodeSelector: {pool: system}\ntolerations: [{key: CriticalAddonsOnly, operator: Exists}]",
		[]string{"pool: system", "key: CriticalAddonsOnly"}, nil},
	"cert-manager": {"certificates: {mode: certManager, issuerRef: {name: ca, kind: ClusterIssuer}}",
		[]string{"kind: Certificate", "name: ca", "kind: ClusterIssuer", "rcroll-webhook.y.svc"}, nil},
	"another priority":  {"priorityClass: {name: mine, quota: false}", []string{`priorityClassName: "mine"`}, []string{"ResourceQuota", "system-cluster-critical"}},
	"no priority":       {"priorityClass: {name: ''}", []string{`priorityClassName: ""`}, []string{"ResourceQuota"}},
	"no network policy": {"networkPolicy: {enabled: false}", nil, []string{"kind: NetworkPolicy"}},
	"the API server":    {"networkPolicy: {webhookFrom: [{ipBlock: {cidr: 192.0.2.0/28}}]}", []string{"\n        cidr: 192.0.2.0/28"}, nil},
	"who reads metrics": {"networkPolicy: {metricsFrom: [{podSelector: {}}]}", []string{"- podSelector: {}"}, []string{"metrics: enabled"}},
	"service monitor":   {"serviceMonitor: {enabled: true, labels: {release: prom}, interval: 10s}", []string{"kind: ServiceMonitor", "release: prom", "interval: 10s", "name: rcroll-metrics", "scheme: https"}, nil},
	"prometheus rule":   {"prometheusRule: {enabled: true, labels: {release: prom}}", []string{"kind: PrometheusRule", "release: prom", "rcroll_agent_rollouts_stalled_total"}, nil},
	"alerts":            {"prometheusRule: {enabled: true}", []string{"app.kubernetes.io/component=agent in y.", "{{ $labels.reason }}"}, []string{"rcroll-system"}},
	"dashboard":         {"dashboard: {enabled: true, labels: {release: prom}}", []string{"name: rcroll-dashboard", `grafana_dashboard: "1"`, "release: prom", `"uid": "rcroll"`}, nil},
	"drain":             {"drain: {patience: 2m, timeout: 10m}", []string{"kind: Job", "- --patience=2m", "- --timeout=10m"}, nil},
	"no drain":          {"drain: {enabled: false}", nil, []string{"kind: Job", "rcroll-drain"}},
	"no policies":       {"crds: {enabled: false}", nil, []string{"kind: CustomResourceDefinition"}},
	"policies go":       {"crds: {keep: false}", []string{"kind: CustomResourceDefinition"}, []string{"helm.sh/resource-policy"}},
	"opt in":            {"optIn: true", []string{`values: ["true"]`, "orValue('') != 'true'", "rcroll.dev/enabled=true"}, []string{`values: ["false"]`, "operator: NotIn\n      values: [\"true\"]"}},
	"trigger":           {"trigger: template", []string{"- --trigger=template"}, nil},
	"hash key":          {"hashKey: rcroll.dev/hash", []string{"- --hash-label-key=rcroll.dev/hash", `expression: "'rcroll.dev/hash'"`}, []string{"'deployment'"}},
	"history":           {"revisionHistoryLimit: 3", []string{"- --revision-history-limit=3"}, nil},
	"no history":        {"revisionHistoryLimit: 0", []string{"- --revision-history-limit=0"}, nil},
	"openshift":         {"openshift: true", []string{"runAsNonRoot: true"}, []string{"runAsUser", "runAsGroup", "fsGroup"}},
	"aks":               {"aks: true", []string{`admissions.enforcer/disabled: "true"`}, nil},
	"log level":         {"logLevel: debug", []string{"- --log-level=debug"}, nil},
}

// TestValues: every value has an effect, and leaves the chart one that applies.
func TestValues(t *testing.T) {
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			rendered, err := Render(chartDir, Release{Name: "x", Namespace: "y", KubeVersion: "v1.37.2"}, parse(t, c.values))
			require.NoError(t, err)
			manifests := rendered.Manifests + rendered.Hooks
			objects(t, manifests) // is valid YAML, and nothing is there twice
			for _, text := range c.contains {
				assert.True(t, strings.Contains(manifests+rendered.Notes, text), "%q is missing", text)
			}
			for _, text := range c.lacks {
				assert.False(t, strings.Contains(withoutComments(manifests), text), "%q is there", text)
			}
		})
	}
}

func withoutComments(manifests string) string {
	var kept strings.Builder
	for line := range strings.Lines(manifests) {
		text, _, _ := strings.Cut(line, " # ")
		if !strings.HasPrefix(strings.TrimSpace(text), "#") {
			kept.WriteString(strings.TrimRight(text, "\n") + "\n")
		}
	}
	return kept.String()
}

// TestEveryValueIsChanged: no value is left out above.
func TestEveryValueIsChanged(t *testing.T) {
	changed := map[string]bool{}
	for _, c := range changes {
		leaves("", parse(t, c.values), changed)
	}
	text, err := os.ReadFile(chartDir + "/values.yaml")
	require.NoError(t, err)
	var values map[string]any
	require.NoError(t, yaml.Unmarshal(text, &values))
	all := map[string]bool{}
	leaves("", values, all)
	for value := range all {
		assert.True(t, changed[value], "%s is not changed by any case", value)
	}
}

func leaves(path string, values map[string]any, found map[string]bool) {
	for key, value := range values {
		nested, isMap := value.(map[string]any)
		if isMap && !free.MatchString(path+"."+key) {
			leaves(path+"."+key, nested, found)
			continue
		}
		found[path+"."+key] = true
	}
}

// TestWrongValues: what cannot work is refused, and says which value it is.
func TestWrongValues(t *testing.T) {
	for values, want := range map[string]string{
		"replicas: 2":                                    "replicas",
		"webhook: {replicas: 0}":                         "/webhook/replicas",
		"agent: {replicas: many}":                        "/agent/replicas",
		"webhook: {port: 443}":                           "/webhook/port",
		"webhook: {image: {digest: sha256:12}}":          "/webhook/image/digest",
		"image: {registry: ''}":                          "/image/registry",
		"image: {pullPolicy: Sometimes}":                 "/image/pullPolicy",
		"image: {pullSecrets: [creds]}":                  "/image/pullSecrets",
		"certificates: {mode: manual}":                   "/certificates/mode",
		"certificates: {mode: certManager}":              "certificates.issuerRef.name",
		"networkPolicy: {webhookFrom: 192.0.2.0/28}":     "/networkPolicy/webhookFrom",
		"serviceMonitor: {interval: often}":              "/serviceMonitor/interval",
		"drain: {timeout: soon}":                         "/drain/timeout",
		"trigger: env":                                   "/trigger",
		"hashKey: a b":                                   "/hashKey",
		"revisionHistoryLimit: -1":                       "/revisionHistoryLimit",
		"revisionHistoryLimit: many":                     "/revisionHistoryLimit",
		"optIn: 'yes'":                                   "/optIn",
		"logLevel: loud":                                 "/logLevel",
		"nodeSelector: {pool: 1}":                        "/nodeSelector",
		"webhook: {hostNetwork: true}":                   "webhook.hostNetwork",
		"webhook: {hostNetwork: true, port: 10250.0}":    "webhook.hostNetwork",
		"prometheusRule: {enabled: true, rules: [mine]}": "/prometheusRule",
	} {
		t.Run(values, func(t *testing.T) {
			_, err := Render(chartDir, inSystem, parse(t, values))
			require.ErrorContains(t, err, want)
		})
	}
}

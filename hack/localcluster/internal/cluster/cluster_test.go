package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWebhookURLs(t *testing.T) {
	configurations, err := webhookConfigurations([]byte(`
apiVersion: v1
kind: Namespace
metadata: {name: rcroll-system}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: rcroll}
webhooks:
- name: rc.rcroll.dev
  clientConfig: {service: {name: rcroll-webhook, namespace: rcroll-system, path: /mutate-rc}}
- name: scale.rcroll.dev
  clientConfig: {service: {name: rcroll-webhook, namespace: rcroll-system}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(configurations) != 1 || configurations[0].Name != "rcroll" {
		t.Fatalf("configurations = %v, want rcroll alone", configurations)
	}
	c := &Cluster{state: state{BasePort: 20000}}
	patch, err := c.urlPatch(&configurations[0])
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"op":"replace","path":"/webhooks/0/clientConfig","value":{"url":"https://localhost:20006/mutate-rc"}},` +
		`{"op":"replace","path":"/webhooks/1/clientConfig","value":{"url":"https://localhost:20006"}}]`
	if patch != want {
		t.Errorf("patch = %s\nwant    %s", patch, want)
	}
}

// "down" removes the directory, so "up" must not make one of the user's into a cluster's.
func TestCreateRefusesForeignDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &Cluster{dir: dir}
	if err := c.create(); err == nil || !strings.Contains(err.Error(), "neither empty") {
		t.Errorf("create = %v, want a refusal", err)
	}
	if err := c.Down(t.Context()); err != nil {
		t.Errorf("Down = %v, want success: there is no cluster", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "thesis.tex")); err != nil {
		t.Error(err)
	}
}

func TestStateSurvives(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	first := &Cluster{dir: dir}
	if err := first.create(); err != nil {
		t.Fatal(err)
	}
	second := &Cluster{dir: dir}
	if err := second.load(); err != nil {
		t.Fatal(err)
	}
	if first.state != second.state {
		t.Errorf("loaded %+v, want %+v", second.state, first.state)
	}
}

// A name that YAML takes for something else must not become that.
func TestInNamespace(t *testing.T) {
	manifests := "metadata:\n  namespace: rcroll-system\nexpression: user == 'system:serviceaccount:rcroll-system:x'\n"
	want := "metadata:\n  namespace: \"y\"\nexpression: user == 'system:serviceaccount:y:x'\n"
	if got := string(inNamespace([]byte(manifests), "y")); got != want {
		t.Errorf("inNamespace = %s\nwant          %s", got, want)
	}
}

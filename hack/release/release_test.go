package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var digests = map[string]v1.Hash{
	"webhook": {Algorithm: "sha256", Hex: strings.Repeat("a", 64)},
	"agent":   {Algorithm: "sha256", Hex: strings.Repeat("b", 64)},
}

func TestCheckVersion(t *testing.T) {
	for version, ok := range map[string]bool{"v0.1.0": true, "v1.2.3-rc.1": true, "0.1.0": false, "v1": false, "": false, "v1.0.0\n": false} {
		assert.Equal(t, ok, checkVersion(version) == nil, version)
	}
}

func TestWithDigests(t *testing.T) {
	text, err := withDigests("  image: ghcr.io/rcroll/rcroll-webhook:v0.0.1\n  image: ghcr.io/rcroll/rcroll-agent\n", "v0.1.0", digests)
	require.NoError(t, err)
	assert.Equal(t, "  image: ghcr.io/rcroll/rcroll-webhook:v0.1.0@"+digests["webhook"].String()+"\n"+
		"  image: ghcr.io/rcroll/rcroll-agent:v0.1.0@"+digests["agent"].String()+"\n", text)
	_, err = withDigests("image: ghcr.io/rcroll/rcroll-webhook\n", "v0.1.0", digests)
	assert.ErrorContains(t, err, "image of agent is in the manifests 0 times")
}

func TestSection(t *testing.T) {
	const text = "# Changelog\n\n## [Unreleased]\n\nNothing.\n\n## [0.1.0] - 2026-01-01\n\n### Added\n\n- All.\n\n## [0.0.1]\n\nOld.\n"
	for heading, want := range map[string]string{"0.1.0": "### Added\n\n- All.\n", "Unreleased": "Nothing.\n", "0.0.1": "Old.\n", "0.1": ""} {
		got, found := section(text, heading)
		assert.Equal(t, want != "", found, heading)
		assert.Equal(t, want, got, heading)
	}
}

// unpack returns the files in an archive by their names.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	compressed, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	files := map[string]string{}
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		text, err := io.ReadAll(archive)
		require.NoError(t, err)
		files[header.Name] = string(text)
	}
}

// TestChart: the packaged chart installs the images of this release.
func TestChart(t *testing.T) {
	dist := t.TempDir()
	release := checkout
	release.version = "v0.2.0"
	require.NoError(t, release.chart(dist, digests))
	files := unpack(t, filepath.Join(dist, "rcroll-0.2.0.tgz"))
	assert.Contains(t, files["rcroll/Chart.yaml"], "\nversion: 0.2.0\n")
	assert.Contains(t, files["rcroll/Chart.yaml"], "\nappVersion: v0.2.0\n")
	assert.Contains(t, files["rcroll/values.yaml"], `digest: "`+digests["webhook"].String()+`"`)
	assert.Contains(t, files["rcroll/values.yaml"], `digest: "`+digests["agent"].String()+`"`)
	assert.Contains(t, files, "rcroll/templates/policies/accounts.yaml")
	assert.Contains(t, files, "rcroll/values.schema.json")
}

// pluginSource is a checkout with one plugin.
func pluginSource(t *testing.T) source {
	t.Helper()
	s := checkout
	s.root = t.TempDir()
	for path, content := range map[string]string{
		"go.mod":                        "module example.com/plugins\n\ngo 1.26.0\n",
		"LICENSE":                       "license\n",
		"CHANGELOG.md":                  "## [Unreleased]\n\n- A plugin.\n",
		"cmd/kubectl-two_words/main.go": "package main\n\nfunc main() { println(\"runs\") }\n",
		"cmd/server/main.go":            "package main\n\nfunc main() {}\n",
	} {
		file := filepath.Join(s.root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	}
	return s
}

// TestPlugins: every plugin gets archives, equal ones of equal sources, a manifest for krew and
// checksums.
func TestPlugins(t *testing.T) {
	s, dist := pluginSource(t), t.TempDir()
	platforms := []v1.Platform{here, {OS: "windows", Architecture: "amd64"}}
	require.NoError(t, s.plugins(t.Context(), dist, platforms))
	require.NoError(t, s.notes(dist))
	require.NoError(t, checksums(dist))
	sums, err := os.ReadFile(filepath.Join(dist, "SHA256SUMS"))
	require.NoError(t, err)
	check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = dist
	out, err := check.CombinedOutput()
	require.NoError(t, err, string(out))

	archive := "kubectl-two_words_v0.1.0_linux_" + here.Architecture + ".tar.gz"
	files := unpack(t, filepath.Join(dist, archive))
	assert.Equal(t, "license\n", files["LICENSE"])
	program := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(program, []byte(files["kubectl-two_words"]), 0o700))
	out, err = exec.Command(program).CombinedOutput()
	require.NoError(t, err)
	assert.Equal(t, "runs\n", string(out))
	windows := unpack(t, filepath.Join(dist, "kubectl-two_words_v0.1.0_windows_amd64.tar.gz"))
	assert.Contains(t, windows, "kubectl-two_words.exe")

	manifest, err := os.ReadFile(filepath.Join(dist, "krew-two-words.yaml"))
	require.NoError(t, err)
	assert.Contains(t, string(manifest), "\n  name: two-words\n")
	assert.Contains(t, string(manifest), "/releases/download/v0.1.0/"+archive+"\n")
	assert.Contains(t, string(manifest), "bin: kubectl-two_words.exe\n")
	var sum string
	for line := range strings.Lines(string(sums)) {
		if strings.HasSuffix(line, "  "+archive+"\n") {
			sum, _, _ = strings.Cut(line, " ")
		}
	}
	require.Len(t, sum, 64)
	assert.Contains(t, string(manifest), "sha256: "+sum+"\n")
	validate(t, "two-words", manifest)

	require.NoError(t, s.plugins(t.Context(), dist, platforms))
	require.NoError(t, checksums(dist))
	again, err := os.ReadFile(filepath.Join(dist, "SHA256SUMS"))
	require.NoError(t, err)
	assert.Equal(t, string(sums), string(again))
}

// validate has krew's own program judge a manifest, which has to have the plugin's name.
func validate(t *testing.T, name string, manifest []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".yaml")
	require.NoError(t, os.WriteFile(file, manifest, 0o600))
	out, err := exec.Command("go", "tool", "validate-krew-manifest", "-skip-install", "-manifest="+file).CombinedOutput()
	require.NoError(t, err, string(out))
}

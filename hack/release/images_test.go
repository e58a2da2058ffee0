package main

import (
	"archive/tar"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var checkout = source{root: "../..", version: "v0.1.0", commit: "0123456789abcdef", time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}

// here is the platform on which the test can run what it builds.
var here = v1.Platform{OS: "linux", Architecture: runtime.GOARCH}

// TestImages: equal sources make equal images, a registry takes them, and what is pulled
// from there runs.
func TestImages(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the images are for linux")
	}
	if testing.Short() {
		t.Skip("both programs are compiled twice, with all that they need: make test-release")
	}
	dist := t.TempDir()
	first, err := checkout.images(t.Context(), filepath.Join(dist, "images"), []v1.Platform{here})
	require.NoError(t, err)
	second, err := checkout.images(t.Context(), filepath.Join(dist, "again"), []v1.Platform{here})
	require.NoError(t, err)
	assert.Equal(t, first, second)
	require.Len(t, first, len(servers))

	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	images, err := layout.ImageIndexFromPath(filepath.Join(dist, "images"))
	require.NoError(t, err)
	manifest, err := images.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, len(servers))
	for i, program := range servers {
		descriptor := manifest.Manifests[i]
		assert.Equal(t, first[program], descriptor.Digest)
		assert.Equal(t, "ghcr.io/rcroll/rcroll-"+program+":v0.1.0", descriptor.Annotations["org.opencontainers.image.ref.name"])
		index, err := images.ImageIndex(descriptor.Digest)
		require.NoError(t, err)
		reference, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/rcroll-" + program + ":v0.1.0")
		require.NoError(t, err)
		require.NoError(t, remote.WriteIndex(reference, index))
		runPulled(t, reference, program)
		expectBOM(t, filepath.Join(dist, "rcroll-"+program+"_linux_"+here.Architecture+".cdx.json"))
	}
}

// runPulled runs the program in an image of a registry.
func runPulled(t *testing.T, reference name.Reference, program string) {
	t.Helper()
	image, err := remote.Image(reference, remote.WithPlatform(here))
	require.NoError(t, err)
	config, err := image.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, "65532:65532", config.Config.User)
	assert.Equal(t, []string{"/rcroll-" + program}, config.Config.Entrypoint)
	assert.Equal(t, "v0.1.0", config.Config.Labels["org.opencontainers.image.version"])
	assert.Equal(t, checkout.time, config.Created.Time)
	assert.Equal(t, here.Architecture, config.Architecture)

	layers, err := image.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 1)
	content, err := layers[0].Uncompressed()
	require.NoError(t, err)
	archive := tar.NewReader(content)
	header, err := archive.Next()
	require.NoError(t, err)
	assert.Equal(t, "rcroll-"+program, header.Name)
	binary, err := io.ReadAll(archive)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), header.Name)
	require.NoError(t, os.WriteFile(path, binary, 0o755))
	command := exec.Command(path, "--version")
	command.Env = []string{} // an image has no environment
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Equal(t, "rcroll-"+program+" version v0.1.0 (commit 0123456789abcdef, date 2026-01-02T03:04:05Z)\n", string(out))
	assert.Contains(t, string(binary), "Europe/Zurich", "the time zones are in the program")
}

func expectBOM(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var read bom
	require.NoError(t, json.Unmarshal(text, &read))
	assert.Equal(t, "CycloneDX", read.Format)
	assert.Equal(t, component{"application", "github.com/rcroll/rcroll", "v0.1.0", "pkg:golang/github.com/rcroll/rcroll@v0.1.0"}, read.Metadata.Component)
	names := map[string]bool{}
	for _, c := range read.Components {
		names[c.Name] = true
		assert.NotEmpty(t, c.Version, c.Name)
	}
	assert.True(t, names["k8s.io/client-go"] && names["sigs.k8s.io/controller-runtime"] && names["stdlib"])
}

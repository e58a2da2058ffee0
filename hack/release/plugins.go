package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var pluginPlatforms = []v1.Platform{
	{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"},
	{OS: "darwin", Architecture: "amd64"}, {OS: "darwin", Architecture: "arm64"},
	{OS: "windows", Architecture: "amd64"},
}

// archived is one archive of a plugin.
type archived struct {
	OS, Arch, File, Binary, Sum string
}

// plugins makes archives and a manifest for krew of every kubectl plugin that there is.
func (s source) plugins(ctx context.Context, dist string, platforms []v1.Platform) error {
	programs, err := s.programs("kubectl-*")
	if err != nil {
		return err
	}
	for _, program := range programs {
		var archives []archived
		for _, platform := range platforms {
			archive, err := s.plugin(ctx, program, dist, platform)
			if err != nil {
				return err
			}
			archives = append(archives, archive)
		}
		if err := s.krew(program, dist, archives); err != nil {
			return err
		}
	}
	return nil
}

// plugin archives a plugin for a platform, with the license.
func (s source) plugin(ctx context.Context, program, dist string, platform v1.Platform) (archived, error) {
	temp, err := os.MkdirTemp("", "rcroll-release-")
	if err != nil {
		return archived{}, fmt.Errorf("make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	binary := program
	if platform.OS == "windows" {
		binary += ".exe"
	}
	if err := s.build(ctx, program, filepath.Join(temp, binary), platform); err != nil {
		return archived{}, err
	}
	var files []file
	for path, mode := range map[string]int64{filepath.Join(temp, binary): 0o755, filepath.Join(s.root, "LICENSE"): 0o644} {
		content, err := os.ReadFile(path)
		if err != nil {
			return archived{}, fmt.Errorf("archive %s: %w", program, err)
		}
		files = append(files, file{name: filepath.Base(path), mode: mode, content: content})
	}
	if files[0].name != "LICENSE" { // the order of a map is random, that of an archive is not
		files[0], files[1] = files[1], files[0]
	}
	content, err := tarGzOf(files, s.time)
	if err != nil {
		return archived{}, err
	}
	name := fmt.Sprintf("%s_%s_%s_%s.tar.gz", program, s.version, platform.OS, platform.Architecture)
	return archived{
		OS: platform.OS, Arch: platform.Architecture, File: name, Binary: binary, Sum: fmt.Sprintf("%x", sha256.Sum256(content)),
	}, write(filepath.Join(dist, name), content)
}

var krewManifest = template.Must(template.New("").Parse(`apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: {{ .Name }}
spec:
  version: {{ .Version }}
  homepage: {{ .Homepage }}
  shortDescription: {{ .Short }}
  description: |
    {{ .Short }}.
    Needs rcroll in the cluster: {{ .Homepage }}
  platforms:
{{- range .Archives }}
  - selector:
      matchLabels:
        os: {{ .OS }}
        arch: {{ .Arch }}
    uri: {{ $.Homepage }}/releases/download/{{ $.Version }}/{{ .File }}
    sha256: {{ .Sum }}
    bin: {{ .Binary }}
    files:
    - from: {{ .Binary }}
      to: .
    - from: LICENSE
      to: .
{{- end }}
`))

// krew writes the manifest with which krew installs a plugin. Its name has dashes where
// that of the program has underscores.
func (s source) krew(program, dist string, archives []archived) error {
	name := strings.ReplaceAll(strings.TrimPrefix(program, "kubectl-"), "_", "-")
	short := "Rolling updates of ReplicationControllers"
	var text bytes.Buffer
	err := krewManifest.Execute(&text, map[string]any{
		"Name": name, "Version": s.version, "Homepage": homepage, "Short": short, "Archives": archives,
	})
	if err != nil {
		return fmt.Errorf("write the krew manifest of %s: %w", name, err)
	}
	return write(filepath.Join(dist, "krew-"+name+".yaml"), text.Bytes())
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	repositories = "ghcr.io/rcroll/"
	homepage     = "https://github.com/rcroll/rcroll"

	// user is nobody in particular, and not root.
	user = "65532:65532"
)

// servers are the programs that run in the cluster.
var servers = []string{"webhook", "agent"}

var imagePlatforms = []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}

// imageName is the repository of a program.
func imageName(program string) string { return repositories + "rcroll-" + program }

// images builds the images of all servers into a layout directory, and returns their
// digests by the names of the programs. Bills of materials go into the parent.
func (s source) images(ctx context.Context, dir string, platforms []v1.Platform) (map[string]v1.Hash, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("remove earlier images: %w", err)
	}
	target, err := layout.Write(dir, empty.Index)
	if err != nil {
		return nil, fmt.Errorf("begin the layout: %w", err)
	}
	digests := map[string]v1.Hash{}
	for _, program := range servers {
		index, err := s.index(ctx, program, filepath.Dir(dir), platforms)
		if err != nil {
			return nil, err
		}
		annotations := map[string]string{"org.opencontainers.image.ref.name": imageName(program) + ":" + s.version}
		if err := target.AppendIndex(index, layout.WithAnnotations(annotations)); err != nil {
			return nil, fmt.Errorf("write the image of %s: %w", program, err)
		}
		if digests[program], err = index.Digest(); err != nil {
			return nil, fmt.Errorf("digest of the image of %s: %w", program, err)
		}
	}
	return digests, nil
}

// index is the image of a program for all platforms.
func (s source) index(ctx context.Context, program, bomDir string, platforms []v1.Platform) (v1.ImageIndex, error) {
	temp, err := os.MkdirTemp("", "rcroll-release-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()

	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range platforms {
		binary := filepath.Join(temp, platform.Architecture)
		if err := s.build(ctx, program, binary, platform); err != nil {
			return nil, err
		}
		bom := fmt.Sprintf("rcroll-%s_%s_%s.cdx.json", program, platform.OS, platform.Architecture)
		if err := s.writeBOM(binary, filepath.Join(bomDir, bom)); err != nil {
			return nil, err
		}
		content, err := os.ReadFile(binary)
		if err != nil {
			return nil, fmt.Errorf("read a program: %w", err)
		}
		image, err := s.image(program, content, platform)
		if err != nil {
			return nil, fmt.Errorf("make the image of %s for %s: %w", program, platform.String(), err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	return mutate.Annotations(index, s.labels(program)).(v1.ImageIndex), nil
}

// image has one file, the program.
func (s source) image(program string, content []byte, platform v1.Platform) (v1.Image, error) {
	archive, err := tarOf([]file{{name: "rcroll-" + program, mode: 0o755, content: content}}, s.time)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("make a layer: %w", err)
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	created := v1.Time{Time: s.time}
	image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: created, CreatedBy: "go build ./cmd/" + program}})
	if err != nil {
		return nil, fmt.Errorf("append the layer: %w", err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = platform.OS, platform.Architecture, created
	config.Config = v1.Config{Entrypoint: []string{"/rcroll-" + program}, User: user, WorkingDir: "/", Labels: s.labels(program)}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		return nil, fmt.Errorf("set the configuration: %w", err)
	}
	return image, nil
}

func (s source) labels(program string) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":    "rcroll-" + program,
		"org.opencontainers.image.source":   homepage,
		"org.opencontainers.image.version":  s.version,
		"org.opencontainers.image.revision": s.commit,
		"org.opencontainers.image.created":  s.time.Format("2006-01-02T15:04:05Z"),
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
}

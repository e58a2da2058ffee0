package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// aVersion is one of semantic versioning, with the v of Go and git.
var aVersion = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

func checkVersion(version string) error {
	if !aVersion.MatchString(version) {
		return fmt.Errorf("%q is no version like v0.1.0", version)
	}
	return nil
}

// release writes everything but the images, which are there.
func (s source) release(ctx context.Context, dist string, digests map[string]v1.Hash) error {
	for _, step := range []func() error{
		func() error { return s.manifests(ctx, dist, digests) },
		func() error { return s.chart(dist, digests) },
		func() error { return s.plugins(ctx, dist, pluginPlatforms) },
		func() error { return s.notes(dist) },
		func() error { return checksums(dist) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// manifests renders the kustomization, with the digests of the images.
func (s source) manifests(ctx context.Context, dist string, digests map[string]v1.Hash) error {
	kubectl := filepath.Join(s.root, "bin", "kubectl")
	out, err := exec.CommandContext(ctx, kubectl, "kustomize", filepath.Join(s.root, "manifests", "base")).Output()
	if err != nil {
		return fmt.Errorf("render manifests/base: %w", err)
	}
	text, err := withDigests(string(out), s.version, digests)
	if err != nil {
		return err
	}
	return write(filepath.Join(dist, "install.yaml"), []byte(text))
}

// withDigests puts version and digest behind the name of each image.
func withDigests(text, version string, digests map[string]v1.Hash) (string, error) {
	for program, digest := range digests {
		image := regexp.MustCompile(`(?m)image: ` + regexp.QuoteMeta(imageName(program)) + `(:\S+)?$`)
		if count := len(image.FindAllString(text, -1)); count != 1 {
			return "", fmt.Errorf("the image of %s is in the manifests %d times, and not once", program, count)
		}
		text = image.ReplaceAllLiteralString(text, "image: "+imageName(program)+":"+version+"@"+digest.String())
	}
	return text, nil
}

// chart packages the chart with the version and the digests.
func (s source) chart(dist string, digests map[string]v1.Hash) error {
	dir := filepath.Join(s.root, "charts", "rcroll")
	version := strings.TrimPrefix(s.version, "v")
	var files []file
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch name {
		case "Chart.yaml":
			content = regexp.MustCompile(`(?m)^version: .*$`).ReplaceAll(content, []byte("version: "+version))
			content = regexp.MustCompile(`(?m)^appVersion: .*$`).ReplaceAll(content, []byte("appVersion: "+s.version))
		case "values.yaml":
			content, err = digestValues(content, digests)
		}
		files = append(files, file{name: "rcroll/" + filepath.ToSlash(name), mode: 0o644, content: content})
		return err
	})
	if err != nil {
		return fmt.Errorf("package the chart: %w", err)
	}
	// Helm reads Chart.yaml before it unpacks anything else.
	slices.SortStableFunc(files, func(a, b file) int { return rank(a.name) - rank(b.name) })
	content, err := tarGzOf(files, s.time)
	if err != nil {
		return err
	}
	return write(filepath.Join(dist, "rcroll-"+version+".tgz"), content)
}

func rank(name string) int {
	if name == "rcroll/Chart.yaml" {
		return 0
	}
	return 1
}

// digestValues makes the digests the defaults of the chart.
func digestValues(values []byte, digests map[string]v1.Hash) ([]byte, error) {
	text := string(values)
	for program, digest := range digests {
		entry := regexp.MustCompile(`(repository: rcroll/rcroll-` + program + `\n(?: +#.*\n)* +digest: )""`)
		if count := len(entry.FindAllString(text, -1)); count != 1 {
			return nil, fmt.Errorf("values.yaml has %d digests of %s, and not one", count, program)
		}
		text = entry.ReplaceAllString(text, `${1}"`+digest.String()+`"`)
	}
	return []byte(text), nil
}

// notes are what the changelog says of the version, or of what is not released yet.
func (s source) notes(dist string) error {
	text, err := os.ReadFile(filepath.Join(s.root, "CHANGELOG.md"))
	if err != nil {
		return fmt.Errorf("read the changelog: %w", err)
	}
	for _, heading := range []string{strings.TrimPrefix(s.version, "v"), "Unreleased"} {
		if section, found := section(string(text), heading); found {
			return write(filepath.Join(dist, "CHANGELOG-"+s.version+".md"), []byte("# rcroll "+s.version+"\n\n"+section))
		}
	}
	return errors.New("CHANGELOG.md has no section for " + s.version)
}

// section is the text below a heading of the second level.
func section(text, heading string) (string, bool) {
	begin := regexp.MustCompile(`(?m)^## \[` + regexp.QuoteMeta(heading) + `\].*\n`).FindStringIndex(text)
	if begin == nil {
		return "", false
	}
	text = text[begin[1]:]
	if end := strings.Index(text, "\n## "); end >= 0 {
		text = text[:end+1]
	}
	return strings.TrimSpace(text) + "\n", true
}

// checksums are those of all files but the images, whose names are their digests.
func checksums(dist string) error {
	entries, err := os.ReadDir(dist)
	if err != nil {
		return fmt.Errorf("list the release: %w", err)
	}
	var sums strings.Builder
	for _, entry := range entries {
		if entry.IsDir() || entry.Name() == checksumFile {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dist, entry.Name()))
		if err != nil {
			return fmt.Errorf("sum %s: %w", entry.Name(), err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), entry.Name())
	}
	return write(filepath.Join(dist, checksumFile), []byte(sums.String()))
}

const checksumFile = "SHA256SUMS"

func write(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return fmt.Errorf("write a file of the release: %w", err)
	}
	return nil
}

package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// source is a checkout, and what is said of it in what is made from it.
type source struct {
	root    string
	version string
	commit  string

	// time is that of the commit: the only time in a release, so that the same sources
	// make the same bytes.
	time time.Time
}

const versionPackage = "github.com/rcroll/rcroll/cmd/internal/version"

// newSource asks git.
func newSource(ctx context.Context, root, version string) (source, error) {
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output()
		if err != nil {
			return "", fmt.Errorf("git %s: %w", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	commit, err := git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")
	if err != nil {
		return source{}, err
	}
	date, err := git("show", "--no-patch", "--format=%cI")
	if err != nil {
		return source{}, err
	}
	at, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return source{}, fmt.Errorf("parse the date of the commit: %w", err)
	}
	return source{root: root, version: version, commit: commit, time: at.UTC()}, nil
}

// build makes a static program for a platform.
func (s source) build(ctx context.Context, program, output string, platform v1.Platform) error {
	ldflags := fmt.Sprintf("-s -w -X %[1]s.version=%[2]s -X %[1]s.commit=%[3]s -X %[1]s.date=%[4]s",
		versionPackage, s.version, s.commit, s.time.Format(time.RFC3339))
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags="+ldflags, "-o", output, "./cmd/"+program)
	command.Dir = s.root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+platform.OS, "GOARCH="+platform.Architecture, "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s for %s: %w\n%s", program, platform.String(), err, out)
	}
	return nil
}

// programs are the directories in cmd whose names match.
func (s source) programs(pattern string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(s.root, "cmd", pattern))
	if err != nil {
		return nil, fmt.Errorf("list programs: %w", err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return found, nil
}

// modules are what a program was built from: itself first.
func modules(file string) (string, []component, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return "", nil, fmt.Errorf("read what %s was built from: %w", file, err)
	}
	var list []component
	for _, dependency := range info.Deps {
		if dependency.Replace != nil {
			dependency = dependency.Replace
		}
		list = append(list, newComponent(dependency.Path, dependency.Version))
	}
	list = append(list, newComponent("stdlib", strings.TrimPrefix(info.GoVersion, "go")))
	return info.Main.Path, list, nil
}

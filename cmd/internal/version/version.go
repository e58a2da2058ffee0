// Package version says which build of rcroll a program is.
package version

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// A release sets these when it links, see the Makefile. Any other build leaves them
// empty.
var (
	version string
	commit  string
	date    string
)

const (
	develVersion = "devel"
	unknown      = "unknown"
)

// Info describes a build.
type Info struct {
	// Version is a release's tag, or "devel".
	Version string

	// Commit is the Git commit, with the suffix "-dirty" if the sources differed
	// from it; "unknown" if the build did not record it.
	Commit string

	// Date is that of the commit in RFC 3339, so that equal sources make equal
	// binaries; "unknown" if the build did not record it.
	Date string
}

// Get describes this build: by what the linker set, else by what the go command
// recorded.
func Get() Info {
	build, _ := debug.ReadBuildInfo()
	return merge(Info{Version: version, Commit: commit, Date: date}, build)
}

// merge completes what the linker set by what the go command recorded; build may be
// nil.
func merge(linked Info, build *debug.BuildInfo) Info {
	recorded := fromBuild(build)
	return Info{
		Version: cmp.Or(linked.Version, recorded.Version, develVersion),
		Commit:  cmp.Or(linked.Commit, recorded.Commit, unknown),
		Date:    cmp.Or(linked.Date, recorded.Date, unknown),
	}
}

func fromBuild(build *debug.BuildInfo) Info {
	var info Info
	if build == nil {
		return info
	}
	if build.Main.Version != "(devel)" {
		info.Version = build.Main.Version
	}
	modified := false
	for _, setting := range build.Settings {
		switch setting.Key {
		case "vcs.revision":
			info.Commit = setting.Value
		case "vcs.time":
			info.Date = setting.Value
		case "vcs.modified":
			modified = setting.Value == "true"
		}
	}
	if modified && info.Commit != "" {
		info.Commit += "-dirty"
	}
	return info
}

// String is what --version prints after the program's name.
func (i Info) String() string {
	return fmt.Sprintf("%s (commit %s, date %s)", i.Version, i.Commit, i.Date)
}

// UserAgent identifies the program to the API server, in the form that Kubernetes'
// own components use. Where a write names no field manager, the API server takes the
// part before the slash.
func (i Info) UserAgent(program string) string {
	return fmt.Sprintf("%s/%s (%s/%s) rcroll/%s", program, i.Version, runtime.GOOS, runtime.GOARCH, i.shortCommit())
}

// shortCommit has as many digits as Kubernetes shows of its own.
func (i Info) shortCommit() string {
	const digits = 7
	return i.Commit[:min(digits, len(i.Commit))]
}

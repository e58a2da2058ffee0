package version

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMerge(t *testing.T) {
	recorded := &debug.BuildInfo{
		Main: debug.Module{Version: "v0.2.0"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef"},
			{Key: "vcs.time", Value: "2026-02-03T04:05:06Z"},
			{Key: "vcs.modified", Value: "false"},
		},
	}
	modified := &debug.BuildInfo{
		Main: debug.Module{Version: "(devel)"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef"},
			{Key: "vcs.modified", Value: "true"},
		},
	}
	release := Info{Version: "v0.1.0", Commit: "fedcba", Date: "2026-01-01T00:00:00Z"}
	for name, c := range map[string]struct {
		linked Info
		build  *debug.BuildInfo
		want   Info
	}{
		"nothing is known":                 {Info{}, nil, Info{"devel", "unknown", "unknown"}},
		"-buildvcs=false":                  {Info{}, &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, Info{"devel", "unknown", "unknown"}},
		"go build":                         {Info{}, recorded, Info{"v0.2.0", "0123456789abcdef", "2026-02-03T04:05:06Z"}},
		"go build with changes":            {Info{}, modified, Info{"devel", "0123456789abcdef-dirty", "unknown"}},
		"a release":                        {release, nil, release},
		"the linker precedes the recorded": {release, recorded, release},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, merge(c.linked, c.build))
		})
	}
}

func TestTexts(t *testing.T) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	release := Info{Version: "v0.1.0", Commit: "0123456789abcdef", Date: "2026-01-01T00:00:00Z"}
	assert.Equal(t, "v0.1.0 (commit 0123456789abcdef, date 2026-01-01T00:00:00Z)", release.String())
	assert.Equal(t, "rcroll-agent/v0.1.0 ("+platform+") rcroll/0123456", release.UserAgent("rcroll-agent"))
	assert.Equal(t, "rcroll-agent/devel ("+platform+") rcroll/abc", Info{Version: "devel", Commit: "abc"}.UserAgent("rcroll-agent"))
}

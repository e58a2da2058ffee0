package view

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/progress"
)

var updateFrames = flag.Bool("update", false, "rewrite testdata/frames")

// Frames of every phase, as a narrow, a usual and a wide terminal shows them.
func TestFrames(t *testing.T) {
	for _, s := range scenes() {
		for _, width := range []int{40, 80, 120} {
			t.Run(fmt.Sprintf("%s %d", s.name, width), func(t *testing.T) {
				var text strings.Builder
				for _, line := range s.view.Frame(Size{Width: width, Height: 30}) {
					text.WriteString(line.Text() + "\n")
				}
				path := filepath.Join("testdata", "frames", fmt.Sprintf("%s-%d.txt", s.name, width))
				if *updateFrames {
					require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
					require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o644))
					return
				}
				want, err := os.ReadFile(path)
				require.NoError(t, err, "run the test with -update to write it")
				assert.Equal(t, string(want), text.String(), "if the new frame is meant, run the test with -update")
			})
		}
	}
}

// A frame fits its terminal, whatever that is, and whatever the texts are.
func TestFramesFit(t *testing.T) {
	views := scenes()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom(views).Draw(t, "scene").view
		v.Cause = rapid.String().Draw(t, "cause")
		v.Requested = rapid.String().Draw(t, "images")
		v.RequestedBy = rapid.String().Draw(t, "user")
		size := Size{Width: rapid.IntRange(1, 200).Draw(t, "width"), Height: rapid.IntRange(1, 60).Draw(t, "height")}
		lines := v.Frame(size)
		if len(lines) > size.Height {
			t.Fatalf("%d lines in %d", len(lines), size.Height)
		}
		for _, line := range lines {
			text := line.Text()
			if n := cells(text); n > size.Width {
				t.Fatalf("%q takes %d columns of %d", text, n, size.Width)
			}
			if harmless(text) != text {
				t.Fatalf("%q is not harmless", text)
			}
		}
	})
}

// What does not fit is left out, but never the pod that is to be looked at; and it is
// told how many are.
func TestManyPods(t *testing.T) {
	for _, s := range scenes() {
		if s.name != "many-pods" {
			continue
		}
		var text strings.Builder
		for _, line := range s.view.Frame(Size{Width: 80, Height: 24}) {
			text.WriteString(line.Text() + "\n")
		}
		assert.Contains(t, text.String(), "ImagePullBackOff")
		assert.Contains(t, text.String(), "… 15 more")
	}
}

// Colours say nothing that the text does not say.
func TestColours(t *testing.T) {
	line := Line{{"rc/tomcat", Bold}, {" Failed", Bad}, {" now", Plain}}
	assert.Equal(t, "\x1b[1mrc/tomcat\x1b[0m\x1b[31m Failed\x1b[0m now", line.ANSI())
	assert.Equal(t, "rc/tomcat Failed now", line.Text())
}

func TestTexts(t *testing.T) {
	for _, c := range []struct {
		name    string
		columns int
		want    string
	}{{"tomcat", 6, "tomcat"}, {"tomcat-0123-abcde", 12, "tomcat…abcde"}, {"tomcat", 3, "t…t"}, {"tomcat", 1, "…"}, {"tomcat", 0, ""}} {
		assert.Equal(t, c.want, shorten(c.name, c.columns))
	}
	assert.Equal(t, []string{"one two", "three", "fourfou", "rfour"}, wrap("one two  three fourfourfour", 7, 9))
	assert.Equal(t, []string{"one two", "three …"}, wrap("one two three fourfourfour", 7, 2))
	assert.Equal(t, "?[31mred ?8?", harmless("\x1b[31mred\n\u202e8\a"))
	assert.Equal(t, 4, cells("日本"))
	assert.Equal(t, 1, cells("e\u0301"))
	assert.Equal(t, "日…", Line{{Text: "日本語"}}.cut(4).Text())
}

// Every phase has a style, and is told.
func TestPhases(t *testing.T) {
	for _, phase := range []progress.Phase{progress.Complete, progress.Settling, progress.RolledBack, progress.Rolling,
		progress.RollingBack, progress.Promoting, progress.Paused, progress.Failed, progress.Deleting} {
		v := Of(at(phase, 1), nil, &Pace{}, now)
		assert.NotEmpty(t, v.Step, phase)
		assert.Contains(t, v.Frame(Size{Width: 80})[0].Text(), string(phase))
	}
}

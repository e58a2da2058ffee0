package view

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Measures of a picture, in pixels.
const (
	cellWidth  = 8
	cellHeight = 18
	margin     = 12
)

// colours are those of a dark terminal.
var colours = map[Style]string{Plain: "#d4d4d4", Bold: "#ffffff", Dim: "#808080", Good: "#5fbf6f", Active: "#d7a94b", Bad: "#e06c60", Old: "#6ca0e0", New: "#5fbf6f"}

// picture draws a frame as SVG. Every piece of text has its place and length, whatever
// the font is; bars are rectangles, for characters would leave gaps.
func picture(lines []Line, columns int) string {
	var svg strings.Builder
	width, height := columns*cellWidth+2*margin, len(lines)*cellHeight+2*margin
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13">`+"\n", width, height, width, height)
	fmt.Fprintf(&svg, `<rect width="100%%" height="100%%" rx="6" fill="#1e1e1e"/>`+"\n")
	for y, line := range lines {
		x := margin
		for _, span := range line {
			drawSpan(&svg, span, x, margin+y*cellHeight)
			x += cells(span.Text) * cellWidth
		}
	}
	return svg.String() + "</svg>\n"
}

func drawSpan(svg *strings.Builder, span Span, x, y int) {
	text := strings.TrimLeft(span.Text, " ")
	x += (cells(span.Text) - cells(text)) * cellWidth
	text = strings.TrimRight(text, " ")
	long := cells(text) * cellWidth
	switch {
	case text == "":
	case strings.Trim(text, "█") == "":
		fmt.Fprintf(svg, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", x, y+3, long, cellHeight-6, colours[span.Style])
	case strings.Trim(text, "░") == "":
		fmt.Fprintf(svg, `<rect x="%d" y="%d" width="%d" height="%d" fill="#3a3a3a"/>`+"\n", x, y+3, long, cellHeight-6)
	default:
		var escaped strings.Builder
		_ = xml.EscapeText(&escaped, []byte(text))
		fmt.Fprintf(svg, `<text xml:space="preserve" x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" fill="%s">%s</text>`+"\n",
			x, y+cellHeight-5, long, colours[span.Style], escaped.String())
	}
}

// The pictures in the documents are of the golden frames.
func TestPictures(t *testing.T) {
	for name, columns := range map[string]int{"rolling": 80, "failed": 80, "rolling-back": 80, "promoting-sealed": 80, "many-pods": 40} {
		for _, s := range scenes() {
			if s.name != name {
				continue
			}
			drawn := picture(s.view.Frame(Size{Width: columns, Height: 30}), columns)
			require.NoError(t, xml.Unmarshal([]byte(drawn), new(struct{ XMLName xml.Name })))
			path := filepath.Join("..", "..", "..", "docs", "images", "get-watch-"+name+".svg")
			if *updateFrames {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(drawn), 0o644))
				continue
			}
			stored, err := os.ReadFile(path)
			require.NoError(t, err, "run the test with -update to write it")
			assert.Equal(t, drawn, string(stored), "%s: run the test with -update to write it anew", path)
		}
	}
}

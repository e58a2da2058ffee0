package view

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/rcroll/rcroll/pkg/progress"
)

// Size is that of a terminal; a height of 0 is without end.
type Size struct{ Width, Height int }

// Widths from which on there is room for more.
const (
	medium = 60
	large  = 100
)

// causeLength is about how many characters of a cause are shown: what kubelets say can be
// long, and the pods are to be seen, too.
const causeLength = 400

func causeLines(size Size) int {
	lines := max(3, causeLength/size.Width)
	if size.Height > 0 {
		lines = min(lines, max(1, size.Height/3))
	}
	return lines
}

// Frame draws the view into a terminal of that size. No line is wider, and there are no
// more lines than there is room for, as long as there are a dozen.
func (v View) Frame(size Size) []Line {
	lines := v.head(size)
	lines = append(lines, nil)
	lines = append(lines, v.bars(size)...)
	if v.Cause != "" {
		lines = append(lines, nil)
		for _, text := range wrap(harmless(v.Cause), size.Width, causeLines(size)) {
			lines = append(lines, Line{span(text, v.alarm())})
		}
	}
	lines = append(lines, nil)
	room := 0
	if size.Height > 0 {
		room = max(1, size.Height-len(lines))
	}
	lines = append(lines, v.tree(size, room)...)
	for i := range lines {
		lines[i] = lines[i].cut(size.Width)
	}
	if size.Height > 0 && len(lines) > size.Height {
		lines = lines[:size.Height]
	}
	return lines
}

// span is a text that is fit for a terminal.
func span(text string, style Style) Span { return Span{Text: harmless(text), Style: style} }

func (v View) head(size Size) []Line {
	phase := "  " + string(v.Phase)
	title := Line{span(shorten("rc/"+v.Name, max(minName, size.Width-cells(phase))), Bold), span(phase, phaseStyle(v.Phase))}
	if in := "  namespace " + v.Namespace; cells(title.Text())+cells(in) <= size.Width {
		title = append(title, span(in, Dim))
	}
	lines := append([]Line{title}, v.images(size)...)
	lines = append(lines, Line{span(v.Step, Plain), span(v.estimate(), Dim)})
	if v.RequestedBy != "" || v.Elapsed > 0 {
		lines = append(lines, Line{span("requested"+v.request(), Dim)})
	}
	return lines
}

// images says which become which; in two lines if one is too short.
func (v View) images(size Size) []Line {
	const becomes = "→ "
	switch {
	case v.Phase == progress.RollingBack:
		return []Line{{span("back to ", Dim), span(v.Live, Old)}}
	case v.Requested == "" || v.Requested == v.Live:
		return []Line{{span(v.Live, Plain)}}
	}
	live, next := Line{span(v.Live, Old)}, Line{span(becomes, Dim), span(v.Requested, New)}
	if one := append(append(live, span(" ", Plain)), next...); cells(one.Text()) <= size.Width {
		return []Line{one}
	}
	// Registries and repositories are alike, tags are not.
	short := func(images string, room int) string { return squeeze(harmless(images), room, room/2) }
	return []Line{{span(short(v.Live, size.Width), Old)}, {span(becomes, Dim), span(short(v.Requested, size.Width-cells(becomes)), New)}}
}

func (v View) estimate() string {
	switch {
	case v.Estimated:
		return ", about " + seconds(v.Left) + " left"
	case v.Phase == progress.Rolling && v.Cause == "":
		return ", no estimate yet"
	}
	return ""
}

func (v View) request() string {
	var text string
	if v.RequestedBy != "" {
		text += " by " + v.RequestedBy
	}
	if v.Elapsed > 0 {
		text += " " + seconds(v.Elapsed) + " ago"
	}
	return text
}

func seconds(d time.Duration) string {
	return duration.HumanDuration(max(d.Round(time.Second), time.Second))
}

func phaseStyle(phase progress.Phase) Style {
	switch phase {
	case progress.Complete:
		return Good
	case progress.Failed, progress.RolledBack, progress.Deleting:
		return Bad
	}
	return Active
}

// alarm is how loud the cause is told.
func (v View) alarm() Style {
	if v.Phase == progress.Paused {
		return Active
	}
	return Bad
}

// labels of the bars, padded to the longest.
const labelWidth = len("terminating") + 1

// bar is a number of pods.
type bar struct {
	label string
	count int
	text  string
	style Style
}

func (v View) bars(size Size) []Line {
	c := v.Counts
	bounds := fmt.Sprintf("%d of %d", c.Available, c.Desired)
	if v.Phase.Pending() && size.Width >= medium {
		bounds += fmt.Sprintf(", at least %d", c.MinAvailable)
	}
	bars := []bar{
		{"old", c.Old, fmt.Sprint(c.Old), Old},
		{"new", c.New, fmt.Sprint(c.New), New},
		{"available", c.Available, bounds, Good},
		{"terminating", c.Terminating, fmt.Sprint(c.Terminating), Active},
	}
	if !v.Phase.Pending() {
		bars = bars[2:] // There are no old and new ones.
	}
	full, wide := max(c.MaxPods, c.Old+c.New+c.Terminating, 1), 0
	for _, b := range bars {
		wide = max(wide, cells(b.text))
	}
	room := min(full*maxPerPod, maxBar, size.Width-labelWidth-wide-1)
	lines := make([]Line, len(bars))
	for i, b := range bars {
		filled := 0
		if b.count > 0 && room > 0 {
			filled = max(1, b.count*room/full)
		}
		lines[i] = Line{span(pad(b.label, labelWidth), Plain), span(strings.Repeat("█", filled), b.style),
			span(strings.Repeat("░", max(0, room-filled)), Dim), span(" "+b.text, Plain)}
	}
	return lines
}

// The width of a bar: few pods need none as wide as the terminal.
const (
	maxPerPod = 6
	maxBar    = 60
)

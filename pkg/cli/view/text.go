package view

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Style is what a piece of text means; colours are of the terminal.
type Style int

// The styles.
const (
	Plain Style = iota
	Bold
	Dim
	Good
	Active
	Bad
	Old
	New
)

// Span is a piece of text in one style.
type Span struct {
	Text  string
	Style Style
}

// Line is one line of a frame. It holds nothing that a terminal would take for a command.
type Line []Span

// codes are the parameters of SGR, the sequence that sets colours: of the 16 that every
// theme has.
var codes = map[Style]string{Bold: "1", Dim: "2", Good: "32", Active: "33", Bad: "31", Old: "34", New: "32"}

// Text is the line without colours.
func (l Line) Text() string {
	var text strings.Builder
	for _, span := range l {
		text.WriteString(span.Text)
	}
	return text.String()
}

// ANSI is the line with colours.
func (l Line) ANSI() string {
	var text strings.Builder
	for _, span := range l {
		code := codes[span.Style]
		if code == "" || span.Text == "" {
			text.WriteString(span.Text)
			continue
		}
		text.WriteString("\x1b[" + code + "m" + span.Text + "\x1b[0m")
	}
	return text.String()
}

// cut is the line in so many columns, with an ellipsis in place of what is missing.
func (l Line) cut(columns int) Line {
	if cells(l.Text()) <= columns {
		return l
	}
	var out Line
	left := columns - 1
	for _, span := range l {
		kept, _ := split(span.Text, left)
		out = append(out, Span{kept, span.Style})
		if left -= cells(kept); kept != span.Text {
			break
		}
	}
	if columns > 0 {
		out = append(out, Span{ellipsis, Plain})
	}
	return out
}

// trimmed is the line without spaces at its end.
func (l Line) trimmed() Line {
	for n := len(l); n > 0; n-- {
		if l[n-1].Text = strings.TrimRight(l[n-1].Text, " "); l[n-1].Text != "" {
			return l[:n]
		}
	}
	return nil
}

const ellipsis = "…"

// shorten takes from the middle of a name what there is no room for: names begin alike,
// and end with what tells them apart.
func shorten(name string, columns int) string { return squeeze(name, columns, suffix) }

// suffix is the length of what Kubernetes appends to the names of pods.
const suffix = 6

// squeeze keeps so much of the end of a text.
func squeeze(text string, columns, tail int) string {
	runes := []rune(text)
	switch {
	case cells(text) <= columns:
		return text
	case columns < 1:
		return ""
	}
	tail = min(tail, (columns-1)/2)
	end := string(runes[len(runes)-min(tail, len(runes)):])
	head, _ := split(text, columns-1-cells(end))
	return head + ellipsis + end
}

// wrap breaks a text into lines of so many columns, at spaces where there are any, and
// cuts the last one if it takes more than so many lines.
func wrap(text string, columns, lines int) []string {
	var out []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		if len(out) == lines-1 {
			return append(out, Line{{Text: text}}.cut(columns).Text())
		}
		head, rest := split(text, columns)
		if head == "" {
			return out // There is no room at all.
		}
		if at := strings.LastIndexByte(head, ' '); rest != "" && rest[0] != ' ' && at > 0 {
			head, rest = text[:at], text[at:]
		}
		out, text = append(out, strings.TrimSpace(head)), rest
	}
	return out
}

// split cuts a text after so many columns.
func split(text string, columns int) (head, rest string) {
	used := 0
	for i, r := range text {
		if used += cellsOf(r); used > columns {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// pad adds spaces up to so many columns.
func pad(text string, columns int) string {
	return text + strings.Repeat(" ", max(0, columns-cells(text)))
}

// cells is the number of columns that a text takes.
func cells(text string) int {
	n := 0
	for _, r := range text {
		n += cellsOf(r)
	}
	return n
}

func cellsOf(r rune) int {
	if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// harmless is a text that moves no cursor and turns no writing direction around: what
// containers and policies say ends up in it.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return '?'
	}, text)
}

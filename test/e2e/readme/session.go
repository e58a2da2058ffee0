// Package readme runs the terminal sessions in README.md on a real control plane, and
// compares what is printed with what the README shows.
//
// A session is an indented code block that begins with "$ ". Each command is followed
// by its output, in which runs of white space count as one, "…" stands for any text,
// line breaks included, and <hash>, <age> and <suffix> for what differs each time.
package readme

import (
	"regexp"
	"strings"
)

const (
	indentation = "    "
	prompt      = "$ "
)

// step is a command of a session, and what it prints.
type step struct {
	command string
	output  string
}

// steps returns the steps of all sessions of a Markdown text, in order.
func steps(markdown string) []step {
	var found []step
	inBlock, inSession := false, false
	for line := range strings.Lines(markdown) {
		line = strings.TrimRight(line, "\n")
		code, indented := strings.CutPrefix(line, indentation)
		if !indented {
			inBlock, inSession = false, false
			continue
		}
		command, isCommand := strings.CutPrefix(code, prompt)
		if !inBlock {
			inBlock, inSession = true, isCommand
		}
		switch {
		case inSession && isCommand:
			found = append(found, step{command: command})
		case inSession:
			found[len(found)-1].output += code + "\n"
		}
	}
	return found
}

// reads reports whether the command may be repeated until it prints what is expected.
func (s step) reads() bool {
	for _, verb := range []string{"get", "describe", "events"} {
		if strings.HasPrefix(s.command, "kubectl "+verb+" ") {
			return true
		}
	}
	return false
}

// placeholders are the parts of an output that are not literal.
var placeholders = map[string]string{
	"…":        `(?s:.*)`,
	"<hash>":   `[0-9a-f]{32}`,
	"<age>":    `(?:\d+[smhd])+`,
	"<suffix>": `[a-z0-9]{5}`,
}

var special = regexp.MustCompile(`…|<hash>|<age>|<suffix>|\s+`)

// matches reports whether the command has printed what is expected.
func (s step) matches(printed string) bool {
	var pattern strings.Builder
	expected := strings.TrimSpace(s.output)
	pattern.WriteString("^")
	end := 0
	for _, at := range special.FindAllStringIndex(expected, -1) {
		pattern.WriteString(regexp.QuoteMeta(expected[end:at[0]]))
		if expression, ok := placeholders[expected[at[0]:at[1]]]; ok {
			pattern.WriteString(expression)
		} else {
			pattern.WriteString(`\s+`)
		}
		end = at[1]
	}
	pattern.WriteString(regexp.QuoteMeta(expected[end:]) + "$")
	return regexp.MustCompile(pattern.String()).MatchString(strings.TrimSpace(printed))
}

package matrix

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/test/golden/document"
)

const (
	clientsDocument = "../../../docs/clients.md"
	tableBegins     = "<!-- The table is written by `go test ./test/e2e/matrix -run TestClientsDocument -update`. -->\n"
	tableEnds       = "<!-- End of the table. -->\n"
)

// TestClientsDocument holds docs/clients.md to what TestMatrix tests.
func TestClientsDocument(t *testing.T) {
	table := table()
	t.Log("\n" + table)
	document.Section(t, clientsDocument, tableBegins, tableEnds, table, *update)
}

// TestMatrixIsComplete: every edit says at every moment what it means, or why it is
// not applicable; and edits have names of their own.
func TestMatrixIsComplete(t *testing.T) {
	names := map[string]bool{}
	for _, row := range rows() {
		assert.False(t, names[row.name], "there are two of %s", row.name)
		names[row.name] = true
		for _, moment := range moments {
			cell := row.cells[moment.name]
			assert.NotEmpty(t, cell.means, "%s, %s", row.name, moment.name)
			if cell.means == notApplicable {
				assert.NotEmpty(t, cell.note, "%s, %s", row.name, moment.name)
			}
			if cell.means == refuses || cell.means == ignored {
				assert.NotEmpty(t, cell.says, "%s, %s", row.name, moment.name)
			}
		}
	}
}

// table is what the matrix says, in Markdown.
func table() string {
	var text strings.Builder
	var notes []string
	line := func(cells ...string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	header, rule := []string{"edit"}, []string{"---"}
	for _, moment := range moments {
		header, rule = append(header, moment.title), append(rule, "---")
	}
	line(header...)
	line(rule...)
	for _, row := range rows() {
		cells := []string{row.name}
		for _, moment := range moments {
			cell := row.cells[moment.name]
			words := string(cell.means)
			if text := noteOf(cell); text != "" {
				words += note(&notes, text)
			}
			cells = append(cells, words)
		}
		line(cells...)
	}
	fmt.Fprintln(&text)
	for i, words := range notes {
		fmt.Fprintf(&text, "%d. %s\n", i+1, words)
	}
	return text.String()
}

func noteOf(c cell) string {
	if c.says != "" {
		return "says: `" + c.says + "`"
	}
	return c.note
}

// note is the mark of a footnote, which is added unless it is there.
func note(notes *[]string, words string) string {
	i := slices.Index(*notes, words)
	if i < 0 {
		i = len(*notes)
		*notes = append(*notes, words)
	}
	return fmt.Sprintf(" [%d]", i+1)
}

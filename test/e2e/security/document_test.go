package security

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/golden/document"
)

const (
	securityDocument = "../../../docs/security.md"
	listBegins       = "<!-- The list is written by `go test ./test/e2e/security -run TestDocument -update`. -->\n"
	listEnds         = "<!-- End of the list. -->\n"
)

var update = flag.Bool("update", false, "write the list in docs/security.md")

// alone are attempts that are tests of their own, by name.
var alone = []struct {
	kind, actor, what, outcome, test string
}{
	{"S3", string(network), "600 reviews that are announced and do not arrive, again and again, while a user edits", keepsNobody, "TestUnfinishedReviews"},
	{"S3", string(network), "12 reviews of 7 MiB of which the last byte does not arrive, while a user edits", keepsNobody, "TestUnfinishedReviews"},
	{"S3", string(network), "64 senders of reviews that are made to take memory, while a user edits", keepsNobody, "TestReviewsThatTakeMemory"},
	{"S1", string(network), "a review without the API server's client certificate, where the webhook demands it", "refused in the handshake, nothing is read", "TestWithClientCertificates"},
	{"S1", string(network), "a review with a certificate of another authority, where the webhook demands one", "refused in the handshake, nothing is read", "TestWithClientCertificates"},
	{"S7", string(webhookThief), "the certificate's Secret emptied, or given a pair that is not for the webhook, while users edit", keepsNobody, "TestRotation"},
}

const keepsNobody = "every edit passes"

// TestDocument holds docs/security.md to what is tried.
func TestDocument(t *testing.T) {
	document.Section(t, securityDocument, listBegins, listEnds, list(), *update)
}

// TestTable: every attempt has a name of its own, and there is the test that is named.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, a := range attempts() {
		name := string(a.actor) + "/" + a.what
		assert.False(t, names[name], "there are two of %s", name)
		names[name] = true
	}
	files, err := filepath.Glob("../*/*_test.go")
	require.NoError(t, err)
	var source strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		source.Write(text)
	}
	for _, a := range alone {
		assert.Contains(t, source.String(), "func "+a.test+"(t *testing.T)")
	}
}

// list is what is tried, in Markdown.
func list() string {
	var text strings.Builder
	fmt.Fprintln(&text, "| like | who | tries | outcome | test |\n| --- | --- | --- | --- | --- |")
	for _, a := range alone {
		fmt.Fprintf(&text, "| %s | %s | %s | %s | `%s` |\n", a.kind, a.actor, a.what, a.outcome, a.test)
	}
	for _, a := range attempts() {
		test := strings.ReplaceAll(fmt.Sprintf("TestAttempts/%s/%s", a.actor, a.what), " ", "_")
		fmt.Fprintf(&text, "| %s | %s | %s | %s | `%s` |\n", a.kind, a.actor, a.what, a.outcome, test)
	}
	return text.String()
}

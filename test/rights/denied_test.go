package rights_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/rights"
)

func TestDenied(t *testing.T) {
	line := func(userAgent, rest string) string {
		return `{"userAgent":"` + userAgent + `","user":{"username":"agent"},"verb":"patch","objectRef":{"resource":"pods","name":"a"},` + rest + "}\n"
	}
	const (
		own     = "rcroll-agent/v0.1.0 (linux/amd64) rcroll/0123456"
		denied  = `"responseStatus":{"code":403},"annotations":{"authorization.k8s.io/decision":"forbid"}`
		policy  = `"responseStatus":{"code":403},"annotations":{"authorization.k8s.io/decision":"allow"}`
		allowed = `"responseStatus":{"code":200},"annotations":{"authorization.k8s.io/decision":"allow"}`
	)
	there := func(line string) string { return strings.Replace(line, `"name"`, `"namespace":"there","name"`, 1) }
	list := func(line string) string { return strings.Replace(line, `"patch"`, `"list"`, 1) }
	watch := func(line string) string { return strings.Replace(line, `"patch"`, `"watch"`, 1) }
	for name, c := range map[string]struct {
		log  string
		want []string
	}{
		"nothing":            {"", nil},
		"allowed":            {line(own, allowed), nil},
		"a right is missing": {line(own, denied) + line(own, denied), []string{"agent: patch pods a"}},
		"in a namespace":     {there(line(own, denied)) + line(own, allowed), []string{"agent: patch pods a in there"}},
		"it starts, and something is created": {strings.NewReplacer(`"patch"`, `"create"`, `,"name":"a"`, "").Replace(line(own, denied)) +
			strings.Replace(line(own, allowed), `"patch"`, `"create"`, 1), nil},
		"it starts, in a namespace":         {there(line(own, denied)) + strings.Replace(line(own, allowed), `"name"`, `"namespace":"elsewhere","name"`, 1), nil},
		"an API server starts":              {line(own, denied) + line(own, allowed), nil},
		"it starts, and a client lists":     {list(line(own, denied)) + watch(line(own, allowed)), nil},
		"neither":                           {list(line(own, denied)) + watch(line(own, denied)), []string{"agent: list or watch pods a"}},
		"it starts once more":               {line(own, allowed) + line(own, denied), nil},
		"the webhook's":                     {line("rcroll-webhook/devel (x) rcroll/unknown", denied), []string{"agent: patch pods a"}},
		"the probe":                         {strings.Replace(line(own, denied), `"name":"a"`, `"name":"rcroll-probe"`, 1), nil},
		"a policy refuses":                  {line(own, policy), nil},
		"a user may not do it":              {line(own, `"impersonatedUser":{"username":"jane"},`+denied), nil},
		"a test has borrowed the token":     {line("policies.test/v0.0.0", denied), nil},
		"a killed API server left half one": {line(own, denied)[:150] + line(own, denied) + line(own, denied), []string{"agent: patch pods a"}},
		"no end of line":                    {strings.TrimSpace(line(own, denied)), []string{"agent: patch pods a"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := rights.Denied(strings.NewReader(c.log))
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

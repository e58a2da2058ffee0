package readme

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSteps(t *testing.T) {
	const markdown = `
Text with $ a dollar.

    make demo    # not a session

    $ kubectl get rc
    NAME   AGE
      tomcat   3s
    $ kubectl delete rc tomcat

Text.

    kubectl get pods
    $ not a session either
`
	assert.Equal(t, []step{
		{command: "kubectl get rc", output: "NAME   AGE\n  tomcat   3s\n"},
		{command: "kubectl delete rc tomcat"},
	}, steps(markdown))
}

func TestMatches(t *testing.T) {
	const hash = "0123456789abcdef0123456789abcdef"
	for name, c := range map[string]struct {
		expected, printed string
		want              bool
	}{
		"the same":               {"tomcat (5)\n", "tomcat (5)\n", true},
		"another word":           {"tomcat (5)", "tomcat (6)", false},
		"more at the end":        {"tomcat", "tomcat\nnginx", false},
		"more at the beginning":  {"tomcat", "a tomcat", false},
		"wider columns":          {"NAME  AGE\ntomcat  <age>", "NAME      AGE\ntomcat    2m3s\n", true},
		"nothing":                {"", "\n", true},
		"no age":                 {"tomcat <age>", "tomcat soon", false},
		"hash":                   {"tomcat-<hash> 5", "tomcat-" + hash + "   5", true},
		"no hash":                {"tomcat-<hash> 5", "tomcat-8 5", false},
		"suffix of a pod":        {"(pod tomcat-<hash>-<suffix>)", "(pod tomcat-" + hash + "-x7k2z)", true},
		"omission in a line":     {"Warning: … requested", "Warning: rc/tomcat: tomcat:8 requested", true},
		"omitted lines":          {"…\nEvents:\n  a\n  …\n  b", "Name: x\nEvents:\n  a\n  c\n  d\n  b", true},
		"omission, another end":  {"…\nb", "a\nc", false},
		"a dot is a dot":         {"rcroll.dev", "rcrollxdev", false},
		"a wrapped line is fine": {"a b c", "a b\n  c", true},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, step{output: c.expected}.matches(c.printed))
		})
	}
}

package app

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/rcroll/rcroll/cmd/internal/version"
)

// fakeConfig is a program's configuration with one flag, which must not be 13.
type fakeConfig struct{ number int }

func (c *fakeConfig) Register(flags *pflag.FlagSet) {
	flags.IntVar(&c.number, "number", 1, "number of things")
}

func (c *fakeConfig) Validate() error {
	if c.number == 13 {
		return errors.New("--number: must not be 13")
	}
	return nil
}

// execution is what became of one run of a command.
type execution struct {
	output  string
	err     error
	config  fakeConfig
	logging logging

	// served is the client configuration that Serve got; nil if it was not called.
	served *rest.Config
}

func execute(args ...string) execution {
	e := execution{logging: defaultLogging}
	program := Program{
		Name:   "rcroll-fake",
		Short:  "Does nothing",
		Config: &e.config,
		Serve: func(_ context.Context, config *rest.Config) error {
			e.served = config
			return nil
		},
	}
	sub := program
	sub.Name, sub.Config = "end", &fakeConfig{}
	program.Commands = []Program{sub}
	command := newCommand(program, &e.logging)
	var output bytes.Buffer
	command.SetOut(&output)
	command.SetErr(&output)
	command.SetArgs(args)
	e.err = command.ExecuteContext(context.Background())
	e.output = output.String()
	return e
}

const kubeconfig = `
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test}}]
clusters: [{name: test, cluster: {server: https://api.example.com}}]
`

func writeKubeconfig(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(path, []byte(kubeconfig), 0o600))
	return path
}

func TestServe(t *testing.T) {
	e := execute("--kubeconfig="+writeKubeconfig(t), "--number=2", "--log-level=warn", "--log-format=json")
	require.NoError(t, e.err)
	require.NotNil(t, e.served)
	assert.Equal(t, "https://api.example.com", e.served.Host)
	assert.Equal(t, version.Get().UserAgent("rcroll-fake"), e.served.UserAgent)
	assert.True(t, strings.HasPrefix(e.served.UserAgent, "rcroll-fake/"), "the API server takes this for the field manager")
	assert.Equal(t, 2, e.config.number)
	assert.Equal(t, logging{level: "warn", format: formatJSON}, e.logging)
}

// TestCommandServes: it is known as one of its program.
func TestCommandServes(t *testing.T) {
	e := execute("end", "--kubeconfig="+writeKubeconfig(t))
	require.NoError(t, e.err)
	assert.Equal(t, version.Get().UserAgent("rcroll-fake-end"), e.served.UserAgent)
}

func TestDefaults(t *testing.T) {
	e := execute("--kubeconfig=" + writeKubeconfig(t))
	require.NoError(t, e.err)
	assert.Equal(t, 1, e.config.number)
	assert.Equal(t, logging{level: "info", format: formatText}, e.logging)
}

func TestVersion(t *testing.T) {
	e := execute("--version")
	require.NoError(t, e.err)
	assert.Equal(t, "rcroll-fake version "+version.Get().String()+"\n", e.output)
	assert.Nil(t, e.served)
}

func TestHelp(t *testing.T) {
	e := execute("--help")
	require.NoError(t, e.err)
	assert.Nil(t, e.served)
	for _, want := range []string{"Does nothing", "--number int", "number of things (default 1)", "--kubeconfig", "--log-level", "--log-format", "--version", `(default "info")`} {
		assert.Contains(t, e.output, want)
	}
	assert.NotContains(t, e.output, "-v,")
}

func TestInvalid(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"unknown flag":         {[]string{"--no-such-flag"}, []string{"unknown flag: --no-such-flag"}},
		"argument":             {[]string{"something"}, []string{`"something"`}},
		"value":                {[]string{"--number=x"}, []string{"--number"}},
		"log level":            {[]string{"--log-level=loud"}, []string{`--log-level: must be "debug", "info", "warn" or "error", not "loud"`}},
		"log format":           {[]string{"--log-format=xml"}, []string{`--log-format: must be "text" or "json", not "xml"`}},
		"the program's own":    {[]string{"--number=13"}, []string{"invalid flags: --number: must not be 13"}},
		"all problems at once": {[]string{"--number=13", "--log-level=x", "--log-format=x"}, []string{"--number", "--log-level", "--log-format"}},
		"kubeconfig":           {[]string{"--kubeconfig=/does/not/exist"}, []string{"load kubeconfig", "/does/not/exist"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := execute(c.args...)
			require.Error(t, e.err)
			for _, want := range c.want {
				assert.ErrorContains(t, e.err, want)
			}
			assert.Nil(t, e.served)
			assert.Empty(t, e.output, "Main logs the error")
		})
	}
}

// TestDefaultNamespace: in a pod the default is its namespace, elsewhere the flag's own.
func TestDefaultNamespace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "namespace")
	require.NoError(t, os.WriteFile(file, []byte("y\n"), 0o600))
	for name, c := range map[string]struct{ file, arg, want string }{
		"in a pod":         {file, "", "y"},
		"in a pod, a flag": {file, "--namespace=z", "z"},
		"elsewhere":        {file + ".none", "", "rcroll-system"},
	} {
		t.Run(name, func(t *testing.T) {
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			namespace := flags.String("namespace", "rcroll-system", "")
			defaultNamespace(flags, c.file)
			require.NoError(t, flags.Parse(strings.Fields(c.arg)))
			assert.Equal(t, c.want, *namespace)
		})
	}
	defaultNamespace(pflag.NewFlagSet("", pflag.ContinueOnError), file) // a program without the flag
}

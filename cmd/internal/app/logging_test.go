package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLogLevels(t *testing.T) {
	for level, want := range map[string][]string{
		"debug":   {"DEBUG detail", "DEBUG finer", "INFO step", "ERROR failure"},
		"info":    {"INFO step", "ERROR failure"},
		"warn":    {"ERROR failure"},
		"error":   {"ERROR failure"},
		"invalid": {"INFO step", "ERROR failure"},
	} {
		t.Run(level, func(t *testing.T) {
			var out bytes.Buffer
			log := newLogger(&out, logging{level: level, format: formatJSON})
			log.V(1).Info("detail")
			log.V(4).Info("finer")
			log.V(5).Info("finer than debug")
			log.Info("step")
			log.Error(errors.New("cause"), "failure")

			var got []string
			for line := range strings.Lines(out.String()) {
				var entry struct{ Level, Msg string }
				require.NoError(t, json.Unmarshal([]byte(line), &entry))
				got = append(got, entry.Level+" "+entry.Msg)
			}
			assert.Equal(t, want, got)
		})
	}
}

func TestLogFormats(t *testing.T) {
	line := func(format string) string {
		var out bytes.Buffer
		newLogger(&out, logging{level: "debug", format: format}).V(1).Info("Scaled", "name", "tomcat", "replicas", 3)
		return out.String()
	}
	assert.Contains(t, line(formatText), "level=DEBUG msg=Scaled name=tomcat replicas=3\n")
	assert.Contains(t, line(formatJSON), `"level":"DEBUG","msg":"Scaled","name":"tomcat","replicas":3}`)
}

func TestAlternatives(t *testing.T) {
	assert.Equal(t, `"a" or "b"`, alternatives([]string{"a", "b"}))
	assert.Equal(t, `"a", "b" or "c"`, alternatives([]string{"a", "b", "c"}))
}

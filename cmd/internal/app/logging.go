package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
)

// The values of --log-format.
const (
	formatText = "text"
	formatJSON = "json"
)

var (
	logLevels  = []string{"debug", "info", "warn", "error"}
	logFormats = []string{formatText, formatJSON}
)

// logging says what is logged, and how.
type logging struct {
	level, format string
}

var defaultLogging = logging{level: "info", format: formatText}

func (l *logging) register(flags *pflag.FlagSet) {
	flags.StringVar(&l.level, "log-level", l.level, "lowest level that is logged: "+alternatives(logLevels))
	flags.StringVar(&l.format, "log-format", l.format, "format of the log: "+alternatives(logFormats))
}

func (l *logging) validate() error {
	return errors.Join(
		oneOf("log-level", l.level, logLevels),
		oneOf("log-format", l.format, logFormats),
	)
}

func oneOf(flag, value string, values []string) error {
	if slices.Contains(values, value) {
		return nil
	}
	return fmt.Errorf("--%s: must be %s, not %q", flag, alternatives(values), value)
}

// alternatives reads `"a", "b" or "c"`.
func alternatives(values []string) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = fmt.Sprintf("%q", value)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// newLogger returns a logger. Where an option is invalid it has the default, which
// serves to log the error that says so.
func newLogger(out io.Writer, l logging) logr.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.level)) // stays info if it fails
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: plainLevel}
	if l.format == formatJSON {
		return logr.FromSlogHandler(slog.NewJSONHandler(out, options))
	}
	return logr.FromSlogHandler(slog.NewTextHandler(out, options))
}

// plainLevel calls every level below info DEBUG: logr's V(1) to V(4) are what slog
// would call DEBUG+3 to DEBUG.
func plainLevel(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) > 0 || attr.Key != slog.LevelKey {
		return attr
	}
	if level, ok := attr.Value.Any().(slog.Level); ok && level < slog.LevelInfo {
		attr.Value = slog.AnyValue(slog.LevelDebug)
	}
	return attr
}

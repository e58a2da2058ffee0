package rcroll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/cli/exit"
)

// Exit codes of diff, as those of kubectl diff.
const (
	exitDiffers   = 1
	exitDiffError = 2
)

var errDiffers = errors.New("")

func (e *environment) diffCommand() *cobra.Command {
	command := e.named("diff", "Show in which fields the requested template differs from the live one", func(ctx context.Context, c *client.Client, name string) error {
		err := e.diff(ctx, c, name)
		if err != nil && !errors.Is(err, errDiffers) {
			return &exit.Error{Code: exitDiffError, Err: err}
		}
		return err
	})
	command.Long = "Show in which fields the requested template differs from the live one.\n\nExit codes: 0 no differences, 1 differences, 2 an error."
	return command
}

func (e *environment) diff(ctx context.Context, c *client.Client, name string) error {
	_, r, err := c.Read(ctx, name)
	if err != nil || r.Requested == nil {
		return err
	}
	changes := r.Live.TemplateChanges(r.Requested, api.DefaultHashLabelKey)
	for _, change := range changes {
		_, _ = fmt.Fprintln(e.Out, change.Path)
		for _, line := range []struct {
			sign  string
			value any
		}{{"-", change.From}, {"+", change.To}} {
			if line.value != nil {
				_, _ = fmt.Fprintf(e.Out, "%s %s\n", line.sign, compact(line.value))
			}
		}
	}
	if len(changes) > 0 {
		return &exit.Error{Code: exitDiffers, Err: errDiffers}
	}
	return nil
}

func compact(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

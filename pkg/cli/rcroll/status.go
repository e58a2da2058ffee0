package rcroll

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/cli/exit"
	"github.com/rcroll/rcroll/pkg/progress"
)

// Exit codes of status, besides 0 (done) and 1 (any other error).
const (
	exitFailed     = 2
	exitRolledBack = 3
	exitNotDone    = 4
	exitPaused     = 5
)

// The values of --success-on.
const (
	successOnDone   = "done"
	successOnPaused = "paused"
)

const statusLong = `Wait until a rolling update is done, and say how it ended.

It is done when no rolling update is pending, and all pods are of the template, ready and available. Exit codes:

  0  done
  2  failed: no progress until the deadline, or what is requested or set is not valid
  3  rolled back: it was cancelled, or failed with rcroll.dev/on-failure=rollback
  4  not done yet: --timeout has passed, or --watch=false
  5  paused, by a user or at a step that waits for approval

With --success-on=paused it is also done, with exit code 0, at the pause of a step.
  1  any other error`

var errNotDone = errors.New("not done yet")

func (e *environment) statusCommand() *cobra.Command {
	var timeout time.Duration
	var watch bool
	var successOn string
	command := e.named("status", "Wait until a rolling update is done", func(ctx context.Context, c *client.Client, name string) error {
		if successOn != successOnDone && successOn != successOnPaused {
			return errSuccessOn(successOn)
		}
		return e.status(ctx, c, name, timeout, watch, &gate{stopsAtPause: successOn == successOnPaused})
	})
	command.Long = statusLong
	command.Flags().DurationVar(&timeout, "timeout", 0, "How long to wait; 0 is for ever.")
	command.Flags().StringVar(&successOn, "success-on", successOnDone, "What to wait for: done, or paused, which is the pause of a step as well.")
	command.Flags().BoolVar(&watch, "watch", true, "Wait until it is done.")
	return command
}

func (e *environment) status(ctx context.Context, c *client.Client, name string, timeout time.Duration, watch bool, gate *gate) error {
	rc, r, err := c.Read(ctx, name)
	if err != nil {
		return err
	}
	if !watch {
		line, over, err := gate.observe(r)
		e.say(line)
		if err == nil && !over {
			return &exit.Error{Code: exitNotDone, Err: fmt.Errorf("%s: %w", r.Ref(), errNotDone)}
		}
		return err
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, errNotDone)
		defer cancel()
	}
	err = c.Follow(ctx, rc, client.Following{}, func(seen client.Seen) (bool, error) {
		now := seen.RC
		if now == nil || now.GetUID() != rc.GetUID() {
			return true, errDeleted("rc/" + name)
		}
		line, over, err := gate.observe(seen.Rollout())
		e.say(line)
		return over, err
	})
	switch {
	case errors.Is(err, errNotDone):
		return &exit.Error{Code: exitNotDone, Err: fmt.Errorf("rc/%s: %w after %s", name, errNotDone, timeout)}
	case errors.Is(err, context.Canceled):
		return &exit.Error{Code: exit.Interrupted, Err: errInterrupted}
	}
	return err
}

func (e *environment) say(line string) {
	if line != "" {
		_, _ = fmt.Fprintln(e.Out, line)
	}
}

// gate judges what is seen of a rollout until it is over.
type gate struct {
	follower progress.Follower
	verdict  progress.Verdict
	told     string

	// stopsAtPause is set if the pause of a step is a success.
	stopsAtPause bool
}

// observe returns a line if there is something new to tell, and whether waiting is over.
func (g *gate) observe(r progress.Rollout) (line string, over bool, err error) {
	g.verdict = g.follower.Observe(r)
	if line = statusLine(r, g.verdict); line == g.told {
		line = ""
	} else {
		g.told = line
	}
	if g.stopsAtPause && r.Phase == progress.PausedAtStep {
		return line, true, nil
	}
	switch g.verdict {
	case progress.Done:
		return line, true, nil
	case progress.HasFailed:
		err = &exit.Error{Code: exitFailed, Err: errFailed(r)}
	case progress.WasRolledBack:
		err = &exit.Error{Code: exitRolledBack, Err: errRolledBack(r)}
	case progress.IsPaused:
		err = &exit.Error{Code: exitPaused, Err: errPaused(r)}
	case progress.Deleted:
		err = errDeleted(r.Ref())
	}
	return line, err != nil, err
}

// statusLine is what is to be said of a state.
func statusLine(r progress.Rollout, verdict progress.Verdict) string {
	switch {
	case verdict == progress.Done:
		return fmt.Sprintf("%s: done, all %d pods are available, with the template of %s", r.Ref(), r.Desired, images(r.Live))
	case r.Phase == progress.PausedAtStep:
		return fmt.Sprintf("%s: %s, with %d of %d pods of %s available", r.Ref(), r.StepText(), r.Updated(), r.Desired, images(r.Requested))
	case verdict != progress.InProgress:
		return "" // The error says it.
	case r.Phase == progress.Settling:
		return fmt.Sprintf("%s: waiting for its pods, %d of %d available", r.Ref(), r.RC.Available, r.Desired)
	case r.Phase == progress.RollingBack:
		return fmt.Sprintf("%s: rolling back to %s, %d of %d pods available", r.Ref(), images(r.Live), r.Updated(), r.Desired)
	case r.Phase == progress.Promoting:
		return fmt.Sprintf("%s: taking over the %d new pods", r.Ref(), r.Desired)
	}
	line := fmt.Sprintf("%s: %d of %d pods of %s available", r.Ref(), r.Updated(), r.Desired, images(r.Requested))
	if text := r.StepText(); text != "" {
		line += ", " + text
	}
	if r.Reason != "" && r.Reason != underway {
		line += " (" + r.Reason + ")"
	}
	return line
}

func images(spec api.Spec) string { return strings.Join(spec.DistinctImages(), ", ") }

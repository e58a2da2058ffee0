package rollingupdate

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/cli/client"
	"github.com/rcroll/rcroll/pkg/cli/exit"
	"github.com/rcroll/rcroll/pkg/progress"
)

// follow prints what observe tells of each state of the rollout, until that is over, and
// returns the ReplicationController as it is then.
// Whoever stops waiting is told how to go on.
func (o *options) follow(ctx context.Context, c *client.Client, since *unstructured.Unstructured, goOn string,
	observe func(progress.Rollout) ([]string, bool, error)) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var last progress.Rollout
	var end *unstructured.Unstructured
	patience := newPatience(o.timeout, func() { cancel(errTimeout) })
	defer patience.stop()
	noticed, atStep := false, ""
	err := c.Follow(ctx, since, client.Following{}, func(seen client.Seen) (bool, error) {
		rc := seen.RC
		if rc == nil || rc.GetUID() != since.GetUID() {
			return true, errDeleted("rc/" + o.name)
		}
		last, end = seen.Rollout(), rc
		if last.Phase == progress.Paused && !noticed {
			o.notice(pausedNotice(o.name))
			noticed = true
		}
		if notice := pausedAtStepNotice(last); last.Phase == progress.PausedAtStep && notice != atStep {
			o.notice(notice)
			atStep = notice
		}
		lines, over, err := observe(last)
		o.say(lines...)
		patience.progress(len(lines) > 0, last.Strategy.UpdatePeriod)
		return over, err
	})
	switch {
	case errors.Is(err, errTimeout):
		o.notice(goOn)
		return nil, errTimedOut(o.timeout, last)
	case errors.Is(err, context.Canceled):
		o.notice("\n" + goOn)
		return nil, &exit.Error{Code: exit.Interrupted, Err: errInterrupted}
	}
	return end, err
}

// patience ends if there is no progress for the timeout, and what the update period adds
// to it; 0 is for ever.
type patience struct {
	timeout time.Duration
	timer   *time.Timer
}

func newPatience(timeout time.Duration, end func()) *patience {
	p := &patience{timeout: timeout}
	if timeout > 0 {
		p.timer = time.AfterFunc(timeout, end)
	}
	return p
}

func (p *patience) progress(made bool, period time.Duration) {
	if p.timer != nil && made {
		p.timer.Reset(p.timeout + period)
	}
}

func (p *patience) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}

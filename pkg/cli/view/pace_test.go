package view

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/progress"
)

// look is a state of a rollout, seen after so many seconds.
type look struct {
	after    int
	phase    progress.Phase
	replaced int32
}

func TestPace(t *testing.T) {
	const rolling, paused = progress.Rolling, progress.Paused
	for name, c := range map[string]struct {
		looks []look
		want  string
	}{
		"nothing yet":                       {[]look{{0, rolling, 0}}, ""},
		"no step yet":                       {[]look{{0, rolling, 2}, {9, rolling, 2}}, ""},
		"one step":                          {[]look{{0, rolling, 0}, {5, rolling, 1}}, ""},
		"two steps":                         {[]look{{0, rolling, 0}, {5, rolling, 1}, {9, rolling, 2}}, "12s"},
		"time goes by":                      {[]look{{0, rolling, 0}, {5, rolling, 1}, {9, rolling, 2}, {11, rolling, 2}}, "10s"},
		"several pods a step":               {[]look{{0, rolling, 0}, {5, rolling, 1}, {11, rolling, 4}}, "2s"},
		"overdue":                           {[]look{{0, rolling, 0}, {5, rolling, 1}, {9, rolling, 2}, {16, rolling, 2}}, "8s"},
		"far overdue":                       {[]look{{0, rolling, 0}, {5, rolling, 1}, {9, rolling, 2}, {22, rolling, 2}}, ""},
		"begun before the first look":       {[]look{{0, rolling, 2}, {1, rolling, 3}}, ""},
		"a pause does not count":            {[]look{{0, rolling, 0}, {5, rolling, 1}, {60, paused, 1}, {90, rolling, 1}, {91, rolling, 2}}, ""},
		"a pod is lost":                     {[]look{{0, rolling, 0}, {5, rolling, 1}, {9, rolling, 2}, {10, rolling, 1}}, ""},
		"going back is another way":         {[]look{{0, rolling, 0}, {5, rolling, 1}, {9, rolling, 2}, {10, progress.RollingBack, 2}}, ""},
		"the promotion is nothing to count": {[]look{{0, rolling, 0}, {5, rolling, 1}, {9, rolling, 2}, {10, progress.Promoting, 5}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := &Pace{}
			var left time.Duration
			var estimated bool
			for _, l := range c.looks {
				r := at(l.phase, l.replaced)
				p.Observe(now.Add(time.Duration(l.after)*time.Second), r)
				left, estimated = p.Left(now.Add(time.Duration(l.after)*time.Second), r)
			}
			assert.Equal(t, c.want != "", estimated)
			if estimated {
				assert.Equal(t, c.want, left.String())
			}
		})
	}
}

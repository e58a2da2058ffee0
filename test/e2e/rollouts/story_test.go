package rollouts

import (
	"slices"
	"strings"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/test/observe"
)

// expectStory checks what kubectl describe rc tells of a rollout that is over: the agent's
// events in their order, by their reasons, of which several in a row count once; and that
// it tells nothing twice. The sizes on the way are the lines that the old command printed.
func (s *scenario) expectStory(want ...string) {
	s.Helper()
	last := want[len(want)-1]
	end := s.Await("the last event is recorded", func(m observe.Moment) bool {
		told := reasons(m)
		return len(told) > 0 && told[len(told)-1] == last
	})
	assert.Equal(s, want, reasons(end))
	messages := end.Messages()
	slices.Sort(messages)
	assert.Equal(s, slices.Compact(slices.Clone(messages)), messages, "an event is told twice")
}

func reasons(m observe.Moment) []string {
	var told []string
	for _, event := range m.Events {
		if strings.HasPrefix(event.Source.Component+event.ReportingController, "rcroll-agent") {
			told = append(told, event.Reason)
		}
	}
	return slices.Compact(told)
}

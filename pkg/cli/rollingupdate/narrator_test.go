package rollingupdate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
)

// stages are the sizes of new and old in a rollout of five with the default strategy.
var stages = [][2]int32{{0, 5}, {1, 5}, {1, 4}, {2, 4}, {2, 3}, {3, 3}, {3, 2}, {4, 2}, {4, 1}, {5, 1}, {5, 0}}

var stageLines = []string{
	"Scaling new up to 1", "Scaling old down to 4", "Scaling new up to 2", "Scaling old down to 3", "Scaling new up to 3",
	"Scaling old down to 2", "Scaling new up to 4", "Scaling old down to 1", "Scaling new up to 5", "Scaling old down to 0",
}

func ofFive(t tester) progress.Rollout {
	strategy, err := api.ParseStrategy(nil)
	assert.NoError(t, err)
	return progress.Rollout{Desired: 5, Strategy: strategy}
}

type tester interface {
	Errorf(format string, args ...any)
}

func newNarrator(newSize, oldSize int32) *narrator {
	return &narrator{target: "new", old: []string{"old"}, told: map[string]int32{"new": newSize, "old": oldSize}}
}

// Whatever states are missed, the same lines are told.
func TestMissedStatesAreFilledIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newNarrator(0, 5)
		var lines []string
		for i, stage := range stages {
			if i == len(stages)-1 || rapid.Bool().Draw(t, "seen") {
				lines = append(lines, n.steps(ofFive(t), map[string]int32{"new": stage[0], "old": stage[1]})...)
			}
		}
		assert.Equal(t, stageLines, lines)
	})
}

// Whatever the strategy, the lines of a monotonic rollout keep its bounds where the states
// do, and come to the last of these.
func TestLinesKeepTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := ofFive(t)
		surge := rapid.Int32Range(1, 4).Draw(t, "surge")
		r.Strategy.MaxSurge.IntVal = surge
		r.Strategy.MaxUnavailable.IntVal = rapid.Int32Range(0, 4).Draw(t, "unavailable")
		n := newNarrator(0, 5)
		lines := n.steps(r, map[string]int32{"new": 5})
		assert.Equal(t, map[string]int32{"new": 5, "old": 0}, n.told)
		newSize, oldSize := int32(0), int32(5)
		for _, line := range lines {
			var size int32
			if _, err := fmt.Sscanf(line, "Scaling new up to %d", &size); err == nil {
				assert.Greater(t, size, newSize)
				newSize = size
			} else if _, err := fmt.Sscanf(line, "Scaling old down to %d", &size); err == nil {
				assert.Less(t, size, oldSize)
				oldSize = size
			}
			assert.LessOrEqual(t, newSize+oldSize, 5+surge, line)
		}
		assert.Equal(t, [2]int32{5, 0}, [2]int32{newSize, oldSize})
	})
}

func TestSizesThatSomebodyElseChanged(t *testing.T) {
	n := newNarrator(3, 2)
	assert.Equal(t, []string{"Scaling new down to 2", "Scaling old up to 3"}, n.steps(ofFive(t), map[string]int32{"new": 2, "old": 3}))
}

// A strategy that was changed in the middle allows what is seen, whatever it says now.
func TestNoRoom(t *testing.T) {
	n := newNarrator(3, 5)
	assert.Equal(t, []string{"Scaling new up to 5"}, n.steps(ofFive(t), map[string]int32{"new": 5, "old": 5}))
}

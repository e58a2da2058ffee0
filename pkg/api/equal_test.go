package api_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/api"
)

// values are of few kinds and contents, so that many are equal.
func values() *rapid.Generator[any] {
	key := rapid.SampledFrom([]string{"a", "b"})
	scalar := rapid.SampledFrom([]any{nil, "", "a", true, false, int64(0), int64(1), 0.0, 1.5, map[string]any(nil), []any(nil), map[string]string{"a": "b"}})
	value := scalar
	for range 3 {
		value = rapid.OneOf(scalar,
			rapid.Map(rapid.MapOfN(key, value, 0, 2), func(m map[string]any) any { return m }),
			rapid.Map(rapid.SliceOfN(value, 0, 2), func(s []any) any { return s }))
	}
	return value
}

func TestSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := values().Draw(t, "a"), values().Draw(t, "b")
		assert.Equal(t, reflect.DeepEqual(a, b), api.Same(a, b))
		assert.True(t, api.Same(a, a))
	})
}

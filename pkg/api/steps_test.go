package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"

	"github.com/rcroll/rcroll/pkg/api"
)

func TestParseSteps(t *testing.T) {
	steps, err := api.ParseSteps("1, pause,50%,pause=10m")
	require.NoError(t, err)
	assert.Equal(t, []api.Step{
		{Size: intstr.FromInt32(1)}, {Pause: true}, {Size: intstr.FromString("50%")}, {Pause: true, Duration: 10 * time.Minute},
	}, steps)
	assert.Equal(t, "1,pause,50%,pause=10m", api.FormatSteps(steps))

	for text, want := range map[string]string{
		"":                           `step 1: "" must be a number of pods`,
		",":                          `step 1: "" must be a number of pods`,
		"1,":                         `step 2: "" must be a number of pods`,
		"some":                       `step 1: "some" must be a number of pods from 0 to 1000000, a percentage from 0% to 100%, "pause" or "pause=DURATION"`,
		"-1":                         `step 1: "-1" must be`,
		"+1":                         `step 1: "+1" must be`,
		"1000001":                    `step 1: "1000001" must be`,
		"101%":                       `step 1: "101%" must be`,
		"1.5":                        `step 1: "1.5" must be`,
		"1,pause=10":                 `step 2: "pause=10" must be "pause", or with a duration from 1s to 8760h, such as "pause=10m"`,
		"1,pause=":                   `step 2: "pause=" must be "pause", or with a duration`,
		"1,pause=0s":                 `step 2: "pause=0s" must be "pause", or with a duration`,
		"1,pause=8761h":              `step 2: "pause=8761h" must be "pause", or with a duration`,
		"1,Pause":                    `step 2: "Pause" must be`,
		"1,pause,pause":              `step 3: "pause" follows a pause`,
		"1,pause=1s,pause":           `step 3: "pause" follows a pause`,
		"3,pause,3":                  `step 3: "3" must be more than "3" before it`,
		"3,50%,2":                    `step 3: "2" must be more than "3" before it`,
		"50%,3,9%":                   `step 3: "9%" must be more than "50%" before it`,
		strings.Repeat("1,", 50):     "must not have more than 50 steps",
		"1," + "50%;pause":           `step 2: "50%;pause" must be`,
		"pause,1,pause,2,pause=10m ": "",
		"0,pause":                    "",
		"100%,pause":                 "",
		"10%,3,20%,5":                "",
	} {
		_, err := api.ParseSteps(text)
		if want == "" {
			assert.NoError(t, err, text)
			continue
		}
		assert.ErrorContains(t, err, want, text)
	}
}

func TestStepReplicas(t *testing.T) {
	for _, c := range []struct {
		size    string
		desired int32
		want    int32
	}{{"1", 5, 1}, {"9", 5, 5}, {"50%", 5, 3}, {"1%", 5, 1}, {"0%", 5, 0}, {"100%", 5, 5}, {"100%", 2147483647, 2147483647}, {"1", 0, 0}} {
		steps, err := api.ParseSteps(c.size)
		require.NoError(t, err)
		assert.Equal(t, c.want, steps[0].Replicas(c.desired), "%s of %d", c.size, c.desired)
	}
}

// Whatever steps there are, they are read as they were written.
func TestStepsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var words []string
		pods, percent := 0, 0
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if len(words) > 0 && !strings.HasPrefix(words[len(words)-1], "pause") && rapid.Bool().Draw(t, "pause") {
				words = append(words, rapid.SampledFrom([]string{"pause", "pause=1s", "pause=1h2m3s", "pause=30m", "pause=2h", "pause=1h10m", "pause=1h0m1s", "pause=1.5s"}).Draw(t, "how long"))
				continue
			}
			if percent < 100 && rapid.Bool().Draw(t, "percent") {
				percent = rapid.IntRange(percent+1, 100).Draw(t, "per cent")
				words = append(words, fmt.Sprintf("%d%%", percent))
				continue
			}
			pods += rapid.IntRange(1, 100).Draw(t, "more pods")
			words = append(words, fmt.Sprint(pods))
		}
		text := strings.Join(words, ",")
		steps, err := api.ParseSteps(text)
		require.NoError(t, err, text)
		assert.Equal(t, text, api.FormatSteps(steps))
	})
}

// FuzzParseSteps: what is read at all is written so that it is read alike, and no size is
// more than what is desired.
func FuzzParseSteps(f *testing.F) {
	for _, text := range []string{"1,pause,50%,pause=10m", "", "0", "1,pause=1h1m1.5s", "100%,pause", "-0", "00", "1,,2"} {
		f.Add(text, int32(5))
	}
	f.Fuzz(func(t *testing.T, text string, desired int32) {
		steps, err := api.ParseSteps(text)
		if err != nil {
			return
		}
		again, err := api.ParseSteps(api.FormatSteps(steps))
		require.NoError(t, err)
		require.Equal(t, steps, again)
		for _, step := range steps {
			if desired >= 0 && !step.Pause {
				n := step.Replicas(desired)
				require.True(t, 0 <= n && n <= desired, "%s of %d: %d", step, desired, n)
			}
		}
	})
}

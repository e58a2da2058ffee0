package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return parsed
}

// TestWindows: when a rollout may begin, and when next. A night of both changes of daylight
// saving time is an hour shorter, or longer, and a leap day is a day.
func TestWindows(t *testing.T) {
	const (
		nights   = `[{kind: Allow, start: "22:00", end: "06:00", timeZone: Europe/Berlin}]`
		workdays = `[{kind: Allow, days: [Mon, Tue, Wed, Thu, Fri], start: "09:00", end: "17:00", timeZone: America/New_York}]`
		gap      = `[{kind: Deny, days: [Sun], start: "02:30", end: "04:00", timeZone: Europe/Berlin}]`
	)
	for name, c := range map[string]struct{ windows, now, until string }{
		"open":                           {nights, "2026-02-01T22:00:00Z", ""},
		"the last moment":                {nights, "2026-02-01T04:59:59Z", ""},
		"it ends":                        {nights, "2026-02-01T05:00:00Z", "2026-02-01T21:00:00Z"},
		"spring: it begins":              {nights, "2026-03-28T20:59:59Z", "2026-03-28T21:00:00Z"},
		"spring: an hour less":           {nights, "2026-03-29T03:59:59Z", ""},
		"spring: it ends":                {nights, "2026-03-29T04:00:00Z", "2026-03-29T20:00:00Z"},
		"autumn: it begins":              {nights, "2026-10-24T19:59:59Z", "2026-10-24T20:00:00Z"},
		"autumn: an hour more":           {nights, "2026-10-25T04:59:59Z", ""},
		"autumn: it ends":                {nights, "2026-10-25T05:00:00Z", "2026-10-25T21:00:00Z"},
		"it starts in the hour skipped":  {gap, "2026-03-29T01:45:00Z", "2026-03-29T02:00:00Z"},
		"it starts in the hour repeated": {gap, "2026-10-25T01:45:00Z", "2026-10-25T03:00:00Z"},
		"friday evening":                 {workdays, "2026-03-06T22:30:00Z", "2026-03-09T13:00:00Z"}, // daylight saving time from the 8th
		"a leap day":                     {`[{kind: Deny, days: [Thu], timeZone: UTC}]`, "2024-02-29T12:00:00Z", "2024-03-01T00:00:00Z"},
		"until a leap day":               {`[{kind: Allow, days: [Thu]}]`, "2024-02-28T23:59:59Z", "2024-02-29T00:00:00Z"},
		"a leap day ends":                {`[{kind: Allow, days: [Thu]}]`, "2024-03-01T00:00:00Z", "2024-03-07T00:00:00Z"},
		"a whole day":                    {`[{kind: Allow, days: [Mon]}]`, "2026-03-02T23:59:59Z", ""},
		"once":                           {`[{kind: Deny, from: "2026-12-20T00:00:00Z", until: "2027-01-04T00:00:00Z"}]`, "2026-12-24T00:00:00Z", "2027-01-04T00:00:00Z"},
		"before it":                      {`[{kind: Deny, from: "2026-12-20T00:00:00Z", until: "2027-01-04T00:00:00Z"}]`, "2026-12-19T23:59:59Z", ""},
		"allowed once, over":             {`[{kind: Allow, from: "2026-12-20T00:00:00Z", until: "2027-01-04T00:00:00Z"}]`, "2027-01-04T00:00:00Z", "never"},
		"denied within what is allowed":  {`[{kind: Allow, start: "09:00", end: "17:00"}, {kind: Deny, days: [Mon], end: "12:00"}]`, "2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z"},
		"allowed and denied alike":       {`[{kind: Allow, days: [Mon]}, {kind: Deny, days: [Mon]}]`, "2026-03-02T10:00:00Z", "never"},
		"an unknown zone is denied":      {`[{kind: Deny, timeZone: Mars/Olympus}]`, "2026-03-02T10:00:00Z", "never"},
		"an unknown zone is not allowed": {`[{kind: Allow, timeZone: Local}]`, "2026-03-02T10:00:00Z", "never"},
	} {
		t.Run(name, func(t *testing.T) {
			hold := one(t, `{windows: `+c.windows+`}`).Hold(at(t, c.now), false, nil)
			switch c.until {
			case "":
				require.Nil(t, hold)
			case "never":
				require.NotNil(t, hold)
				assert.Zero(t, hold.Until)
			default:
				require.NotNil(t, hold)
				assert.Equal(t, c.until, hold.Until.UTC().Format(time.RFC3339))
			}
		})
	}
}

func TestUnknownZone(t *testing.T) {
	p := policies(t, map[string]string{"p": `{windows: [{kind: Deny, timeZone: Mars/Olympus}]}`}).Named("p")
	require.ErrorContains(t, p.Problem, "unknown time zone")
	require.ErrorContains(t, p.Problem, "spec.windows[0].timeZone")
}

// The opening is when the windows of all policies are open.
func TestOpeningOfAll(t *testing.T) {
	e := policies(t, map[string]string{
		"a": `{windows: [{kind: Allow, start: "06:00", end: "10:00"}, {kind: Allow, start: "14:00", end: "15:00"}]}`,
		"b": `{windows: [{kind: Deny, start: "00:00", end: "09:00"}]}`,
	}).For(Target{})
	assert.Equal(t, at(t, "2026-03-02T14:00:00Z"), e.Hold(noon, false, nil).Until)
	assert.Equal(t, at(t, "2026-03-03T09:00:00Z"), e.Hold(at(t, "2026-03-02T15:00:00Z"), false, nil).Until)
}

// TestSkippedTimes: west of Greenwich, where clocks go forward at midnight or at two, as in the
// east: a time that is skipped is when the clocks change.
func TestSkippedTimes(t *testing.T) {
	for name, c := range map[string]struct {
		windows, now string
		held         bool
	}{
		"Sunday without midnight is denied":  {`{kind: Deny, days: [Sun], timeZone: America/Santiago}`, "2026-09-06T15:00:00Z", true},
		"it is no Saturday":                  {`{kind: Allow, days: [Sat], timeZone: America/Santiago}`, "2026-09-06T15:00:00Z", true},
		"Sunday without midnight is allowed": {`{kind: Allow, days: [Sun], timeZone: America/Santiago}`, "2026-09-06T15:00:00Z", false},
		"the end is skipped":                 {`{kind: Deny, start: "01:30", end: "02:30", timeZone: America/New_York}`, "2026-03-08T06:45:00Z", true},
		"the end is skipped, and over":       {`{kind: Deny, start: "01:30", end: "02:30", timeZone: America/New_York}`, "2026-03-08T07:00:00Z", false},
		"the end is skipped in the east":     {`{kind: Deny, start: "01:30", end: "02:30", timeZone: Europe/Berlin}`, "2026-03-29T00:45:00Z", true},
		"the start is skipped":               {`{kind: Allow, start: "02:30", end: "05:00", timeZone: America/New_York}`, "2026-03-08T06:45:00Z", true},
		"the start is skipped, and reached":  {`{kind: Allow, start: "02:30", end: "05:00", timeZone: America/New_York}`, "2026-03-08T07:00:00Z", false},
	} {
		t.Run(name, func(t *testing.T) {
			hold := one(t, `{windows: [`+c.windows+`]}`).Hold(at(t, c.now), false, nil)
			assert.Equal(t, c.held, hold != nil, "%v", hold)
		})
	}
}

// TestFarOpening: an opening that is far away is found, and where the search for it is given up
// it goes on later.
func TestFarOpening(t *testing.T) {
	e := policies(t, map[string]string{
		"release": `{windows: [{kind: Allow, from: "2026-04-13T08:00:00Z", until: "2026-04-13T12:00:00Z"}]}`,
		"batch": `{windows: [{kind: Deny, start: "00:00", end: "00:30"}, {kind: Deny, start: "06:00", end: "06:30"},
			{kind: Deny, start: "12:00", end: "12:30"}, {kind: Deny, start: "18:00", end: "18:30"}]}`,
	}).For(Target{})
	hold := e.Hold(at(t, "2026-03-02T13:00:00Z"), false, nil)
	require.NotNil(t, hold)
	assert.Equal(t, "2026-04-13T08:00:00Z", hold.Until.UTC().Format(time.RFC3339))
	assert.Nil(t, e.Hold(hold.Until, false, nil))

	windows := `{kind: Allow, days: [Mon], start: "08:00", end: "12:00"}`
	for hour := range 24 {
		windows += fmt.Sprintf(`, {kind: Deny, start: "%02[1]d:00", end: "%02[1]d:15"}`, hour)
	}
	now, opens := at(t, "2026-03-02T12:00:00Z"), at(t, "2026-03-09T08:15:00Z")
	for often := 0; ; often++ {
		hold := one(t, `{windows: [`+windows+`]}`).Hold(now, false, nil)
		if hold == nil {
			break
		}
		require.Less(t, often, 10)
		require.True(t, hold.Until.IsZero() != hold.Again.IsZero(), "%v", hold)
		now = hold.Until
		if now.IsZero() {
			now = hold.Again
		}
		require.False(t, now.After(opens))
	}
	assert.Equal(t, opens, now.UTC())
}

package policy

import (
	"slices"
	"time"
	_ "time/tzdata" // zones have the same names wherever rcroll runs

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rcroll/rcroll/api/v1alpha1"
)

// window is one that was read. One without a zone is unknown.
type window struct {
	allows      bool
	from, until time.Time // of one that does not recur
	days        [7]bool
	start, end  int // minutes of the day
	zone        *time.Location
	reason      string
}

var dayNames = []v1alpha1.Day{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

func compileWindow(w v1alpha1.Window, path *field.Path, problems *field.ErrorList) window {
	out := window{allows: w.Kind == v1alpha1.Allow, reason: w.Reason, zone: time.UTC}
	if w.From != nil && w.Until != nil {
		out.from, out.until = w.From.Time, w.Until.Time
		return out
	}
	for day, name := range dayNames {
		out.days[day] = len(w.Days) == 0 || slices.Contains(w.Days, name)
	}
	out.start, out.end = minutes(w.Start, path.Child("start"), problems), minutes(w.End, path.Child("end"), problems)
	zone, err := time.LoadLocation(w.TimeZone)
	if err != nil || w.TimeZone == "Local" {
		*problems = append(*problems, field.Invalid(path.Child("timeZone"), w.TimeZone, "unknown time zone: the time counts as denied"))
		zone = nil
	}
	out.zone = zone
	return out
}

func minutes(text string, path *field.Path, problems *field.ErrorList) int {
	if text == "" {
		return 0
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		*problems = append(*problems, field.Invalid(path, text, `must be a time of the day, such as "09:00"`))
	}
	return 60*at.Hour() + at.Minute()
}

func (w window) recurs() bool { return w.until.IsZero() }

// occurrence is the window that starts on the day of t in its zone, or days later, and
// whether it is one of its days.
func (w window) occurrence(t time.Time, days int) (from, until time.Time, recurs bool) {
	year, month, day := t.In(w.zone).Date()
	recurs = w.days[time.Date(year, month, day+days, 0, 0, 0, 0, time.UTC).Weekday()]
	from = wall(year, month, day+days, w.start, w.zone)
	if w.end <= w.start {
		days++
	}
	return from, wall(year, month, day+days, w.end, w.zone), recurs
}

// wall is a time of the day. One that is skipped is when the clocks change, whereas that of
// time.Date is an hour before or after it, and may be on another day.
func wall(year int, month time.Month, day, minutes int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, minutes, 0, 0, zone)
	wanted := time.Date(year, month, day, 0, minutes, 0, 0, time.UTC)
	_, offset := t.Zone()
	switch shown := t.Add(time.Duration(offset) * time.Second); {
	case shown.Before(wanted):
		_, t = t.ZoneBounds()
	case shown.After(wanted):
		t, _ = t.ZoneBounds()
	}
	return t
}

// contains reports whether the window is open at t. Of an unknown zone nobody can tell: so
// what is allowed then never is, and what is denied always.
func (w window) contains(t time.Time) bool {
	switch {
	case w.zone == nil:
		return !w.allows
	case !w.recurs():
		return !t.Before(w.from) && t.Before(w.until)
	}
	for _, days := range []int{-1, 0} {
		from, until, recurs := w.occurrence(t, days)
		if recurs && !t.Before(from) && t.Before(until) {
			return true
		}
	}
	return false
}

// next is the first time after t at which the window begins or ends; zero if there is none.
// A window recurs within a week, and a day more for the time of its end.
func (w window) next(t time.Time) time.Time {
	var next time.Time
	consider := func(at time.Time) {
		if at.After(t) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	switch {
	case w.zone == nil:
	case !w.recurs():
		consider(w.from)
		consider(w.until)
	default:
		for days := -1; days <= 8; days++ {
			if from, until, recurs := w.occurrence(t, days); recurs {
				consider(from)
				consider(until)
			}
		}
	}
	return next
}

// closedBy says which window denies the time: a Deny window that contains it, or, if there
// are Allow windows and none contains it, the first of those; nil if it is allowed.
func (p *Policy) closedBy(t time.Time) *window {
	var missed *window
	allowed := false
	for i := range p.windows {
		w := &p.windows[i]
		switch contains := w.contains(t); {
		case !w.allows && contains:
			return w
		case w.allows && contains:
			allowed = true
		case w.allows && missed == nil:
			missed = w
		}
	}
	if allowed {
		return nil
	}
	return missed
}

// maxChanges bounds the search for an opening. Two windows change four times a day, and
// what recurs has done so after a week.
const (
	maxChanges = 300
	recurrence = 9 * 24 * time.Hour
)

// outsideWindow holds a rollout while the windows of any policy are closed, and says when
// all are open. Policies that let rollouts finish do not hold one that has begun.
func (e Effective) outsideWindow(now time.Time, begun bool) *Hold {
	rest := slices.DeleteFunc(slices.Clone(e), func(p *Policy) bool {
		return len(p.windows) == 0 || begun && p.spec.OnClose != v1alpha1.OnCloseHold
	})
	for _, p := range rest {
		if w := p.closedBy(now); w != nil {
			until, again := rest.opening(now)
			return &Hold{Kind: OutsideWindow, Policy: p.Name, Message: windowMessage(p.Name, w.reason, until), Until: until, Again: again}
		}
	}
	return nil
}

// opening is the first time after t at which the windows of all policies are open; zero if
// that is not in sight. Where the search is given up, again is how far it came.
func (e Effective) opening(t time.Time) (until, again time.Time) {
	latest := e.lastOnce(t).Add(recurrence)
	for range maxChanges {
		if t = e.nextChange(t); t.IsZero() || t.After(latest) {
			return time.Time{}, time.Time{}
		}
		if !slices.ContainsFunc(e, func(p *Policy) bool { return p.closedBy(t) != nil }) {
			return t, time.Time{}
		}
	}
	return time.Time{}, t
}

// lastOnce is the last begin or end of a window that does not recur; t if all are before.
func (e Effective) lastOnce(t time.Time) time.Time {
	for _, p := range e {
		for _, w := range p.windows {
			if !w.recurs() && w.until.After(t) {
				t = w.until
			}
		}
	}
	return t
}

// nextChange is when any window begins or ends next. While one that does not recur denies
// all, the others do not matter.
func (e Effective) nextChange(t time.Time) time.Time {
	var next time.Time
	for _, p := range e {
		if at, only := p.opensOnce(t); only {
			return at
		}
		for _, w := range p.windows {
			if !w.allows && !w.recurs() && w.contains(t) {
				return w.until
			}
			if at := w.next(t); !at.IsZero() && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	return next
}

// opensOnce reports whether a policy allows nothing at t, and nothing that recurs, and when
// what it allows once begins next; zero if that is never.
func (p *Policy) opensOnce(t time.Time) (next time.Time, only bool) {
	for _, w := range p.windows {
		switch {
		case !w.allows:
		case w.recurs() && w.zone != nil || w.contains(t):
			return time.Time{}, false
		default:
			only = true
			if w.from.After(t) && (next.IsZero() || w.from.Before(next)) {
				next = w.from
			}
		}
	}
	return next, only
}

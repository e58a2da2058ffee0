package history

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// from is a rollout between two templates that alice asked for at noon, half a minute ago.
func from(live, requested string) Rollout {
	return Rollout{Live: live, Requested: requested, RequestedBy: "alice", RequestedAt: noon, Now: noon.Add(30 * time.Second)}
}

func there(number int64, hash string) Revision { return Revision{Number: number, Hash: hash} }

func with(number int64, hash string, result Result) Revision {
	revision := Revision{Number: number, Hash: hash, Result: result, RequestedBy: "alice", RequestedAt: noon}
	if result != Progressing {
		revision.Duration = 30 * time.Second
	}
	return revision
}

func TestBegin(t *testing.T) {
	failed := from("7", "9")
	failed.IsFailed = true
	caused := from("7", "8")
	caused.ChangeCause = "CVE-1"
	becauseOf := with(2, "8", Progressing)
	becauseOf.ChangeCause = "CVE-1"
	for name, c := range map[string]struct {
		revisions []Revision
		rollout   Rollout
		want      []Change
	}{
		"the first rollout": {nil, from("7", "8"),
			[]Change{{Create, there(1, "7")}, {Create, with(2, "8", Progressing)}}},
		"with a cause": {nil, caused,
			[]Change{{Create, there(1, "7")}, {Create, becauseOf}}},
		"again after a crash": {[]Revision{there(1, "7"), with(2, "8", Progressing)}, from("7", "8"), nil},
		"after a crash between the two": {[]Revision{there(1, "7")}, from("7", "8"),
			[]Change{{Create, with(2, "8", Progressing)}}},
		"the next one": {[]Revision{there(1, "7"), with(2, "8", Succeeded)}, from("8", "9"),
			[]Change{{Create, with(3, "9", Progressing)}}},
		"back to an earlier one": {[]Revision{there(1, "7"), with(2, "8", Succeeded)}, from("8", "7"),
			[]Change{{Update, with(3, "7", Progressing)}}},
		"one that failed before, once more": {[]Revision{there(1, "7"), with(2, "8", RolledBack)}, from("7", "8"),
			[]Change{{Update, with(3, "8", Progressing)}}},
		"another target": {[]Revision{there(1, "7"), with(2, "8", Progressing)}, from("7", "9"),
			[]Change{{Update, with(2, "8", Superseded)}, {Create, with(3, "9", Progressing)}}},
		"another target after a failure": {[]Revision{there(1, "7"), with(2, "8", Progressing)}, failed,
			[]Change{{Update, with(2, "8", Failed)}, {Create, with(3, "9", Progressing)}}},
		"queued behind a promotion": {[]Revision{there(1, "7"), with(2, "8", Progressing)}, from("8", "9"),
			[]Change{{Update, with(2, "8", Succeeded)}, {Create, with(3, "9", Progressing)}}},
		"live is what nobody rolled out": {[]Revision{there(1, "7"), with(2, "8", Succeeded)}, from("8b", "9"),
			[]Change{{Create, there(3, "8b")}, {Create, with(4, "9", Progressing)}}},
		"live is what was rolled back": {[]Revision{there(1, "7"), with(2, "8", RolledBack)}, from("8", "9"),
			[]Change{{Update, there(2, "8")}, {Create, with(3, "9", Progressing)}}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, Begin(c.revisions, c.rollout)) })
	}
}

func TestEnd(t *testing.T) {
	rolledBack := from("7", "7")
	rolledBack.IsRolledBack = true
	late := from("8", "8")
	late.ChangeCause = "CVE-1"
	becauseOf := with(2, "8", Succeeded)
	becauseOf.ChangeCause = "CVE-1"
	under := []Revision{there(1, "7"), with(2, "8", Progressing)}
	for name, c := range map[string]struct {
		revisions []Revision
		rollout   Rollout
		limit     int
		want      []Change
	}{
		"succeeded":                       {under, from("8", "8"), 10, []Change{{Update, with(2, "8", Succeeded)}}},
		"the cause came later":            {under, late, 10, []Change{{Update, becauseOf}}},
		"cancelled":                       {under, from("7", "7"), 10, []Change{{Update, with(2, "8", Cancelled)}}},
		"rolled back":                     {under, rolledBack, 10, []Change{{Update, with(2, "8", RolledBack)}}},
		"again after a crash":             {[]Revision{there(1, "7"), with(2, "8", Succeeded)}, from("8", "8"), 10, nil},
		"cancelled before it began":       {nil, from("7", "7"), 10, nil},
		"only the live one is kept":       {under, from("8", "8"), 0, []Change{{Update, with(2, "8", Succeeded)}, {Delete, there(1, "7")}}},
		"the oldest goes":                 {append([]Revision{with(3, "9", Cancelled)}, under...), from("8", "8"), 1, []Change{{Update, with(4, "8", Succeeded)}, {Delete, there(1, "7")}}},
		"what is live stays, however old": {[]Revision{there(1, "7"), with(2, "8", Cancelled), with(3, "9", Progressing)}, from("7", "7"), 1, []Change{{Update, with(3, "9", Cancelled)}, {Delete, with(2, "8", Cancelled)}}},
		"back to what was superseded":     {[]Revision{there(1, "7"), with(2, "8", Superseded), with(3, "9", Progressing)}, from("8", "8"), 10, []Change{{Update, with(4, "8", Succeeded)}, {Update, with(3, "9", Superseded)}}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, End(c.revisions, c.rollout, c.limit)) })
	}
}

func TestPrevious(t *testing.T) {
	revisions := []Revision{there(1, "7"), with(2, "8", Succeeded), with(3, "9", RolledBack), with(5, "10", Progressing), with(4, "9b", Succeeded)}
	for current, want := range map[string]int64{"9b": 2, "8": 4, "10": 4} {
		assert.Equal(t, want, Previous(revisions, current).Number, "from %s", current)
	}
	assert.Nil(t, Previous([]Revision{there(1, "7"), with(2, "8", Cancelled)}, "7"))
}

// TestPermissions: who has overridden or approved since the rollout began is recorded at its
// end, however that is. What is no longer said then stays recorded.
func TestPermissions(t *testing.T) {
	const override, other = `{"policies":["freeze"]}`, `{"policies":["windows"]}`
	permitted := func(revision Revision, overridden, by string) Revision {
		revision.Overridden, revision.ApprovedBy = overridden, by
		return revision
	}
	rollout := func(live, requested, overridden, by string) Rollout {
		r := from(live, requested)
		r.Overridden, r.ApprovedBy = overridden, by
		return r
	}
	begun := []Revision{there(1, "7"), permitted(with(2, "8", Progressing), override, "")}
	assert.Equal(t, []Change{{Create, there(1, "7")}, {Create, begun[1]}}, Begin(nil, rollout("7", "8", override, "")))
	for name, c := range map[string]struct {
		rollout Rollout
		want    Revision
	}{
		"approved later": {rollout("8", "8", override, "bob"), permitted(with(2, "8", Succeeded), override, "bob")},
		"another policy": {rollout("8", "8", other, ""), permitted(with(2, "8", Succeeded), other, "")},
		"cancelled":      {rollout("7", "7", "", ""), permitted(with(2, "8", Cancelled), override, "")},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, []Change{{Update, c.want}}, End(begun, c.rollout, 10))
		})
	}
	again := Begin([]Revision{there(1, "7"), permitted(with(2, "8", Cancelled), override, "bob")}, from("7", "8"))
	assert.Equal(t, []Change{{Update, with(3, "8", Progressing)}}, again, "they were for that rollout")
}

// apply is what the agent writes.
func apply(t *rapid.T, revisions []Revision, changes []Change) []Revision {
	var out []Revision
	for _, revision := range revisions {
		for _, change := range changes {
			if change.Revision.Hash != revision.Hash {
				continue
			}
			if change.Kind == Create {
				t.Fatalf("%s is created twice", revision.Hash)
			}
			revision = change.Revision
			if change.Kind == Delete {
				revision = Revision{}
			}
		}
		if revision.Hash != "" {
			out = append(out, revision)
		}
	}
	for _, change := range changes {
		if change.Kind == Create {
			out = append(out, change.Revision)
		} else if Find(revisions, change.Revision.Hash) == nil {
			t.Fatalf("%s of %s, which is not there", change.Kind, change.Revision.Hash)
		}
	}
	return out
}

// Whatever is rolled out, cancelled or superseded, and wherever the agent dies, the numbers
// tell the revisions apart, and after the end nothing is under way, the live template is
// there, and no more than are to be kept.
func TestAnyStory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(0, 4).Draw(t, "limit")
		template := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(1, 6).Draw(t, "template")) })
		var revisions []Revision
		live, step := template.Draw(t, "live"), 0
		r := func(requested string) Rollout {
			step++
			return Rollout{Live: live, Requested: requested, RequestedAt: noon.Add(time.Duration(step) * time.Minute),
				RequestedBy: "alice", Now: noon.Add(time.Duration(step+1) * time.Minute), IsFailed: rapid.Bool().Draw(t, "failed")}
		}
		record := func(changes []Change) {
			// A crash after any write, and all of it is decided anew.
			revisions = apply(t, revisions, changes)
			numbers := map[int64]bool{}
			for _, revision := range revisions {
				if numbers[revision.Number] || revision.Number < 1 {
					t.Fatalf("number %d is given twice: %v", revision.Number, revisions)
				}
				numbers[revision.Number] = true
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "rollouts") {
			var requested string
			for range rapid.IntRange(1, 3).Draw(t, "targets") {
				if requested = template.Draw(t, "requested"); requested == live {
					continue
				}
				rollout := r(requested)
				begin := Begin(revisions, rollout)
				record(begin[:rapid.IntRange(0, len(begin)).Draw(t, "crash")])
				record(Begin(revisions, rollout))
				if again := Begin(revisions, rollout); len(again) > 0 {
					t.Fatalf("begins twice: %v", again)
				}
				if got := Find(revisions, requested); got.Number != highest(revisions) || got.Result != Progressing {
					t.Fatalf("%v is not the latest: %v", got, revisions)
				}
			}
			if rapid.Bool().Draw(t, "succeeds") {
				live = requested
			}
			end := r(live)
			changes := End(revisions, end, limit)
			record(changes[:rapid.IntRange(0, len(changes)).Draw(t, "crash")])
			record(End(revisions, end, limit))
			if again := End(revisions, end, limit); len(again) > 0 {
				t.Fatalf("ends twice: %v", again)
			}
			others := 0
			for _, revision := range revisions {
				if revision.Result == Progressing {
					t.Fatalf("%v is still under way", revision)
				}
				if revision.Hash != live {
					others++
				}
			}
			if others > limit {
				t.Fatalf("%d are kept beside the live one: %v", others, revisions)
			}
		}
	})
}

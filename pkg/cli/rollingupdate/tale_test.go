package rollingupdate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/pkg/rollout"
)

func template(image string) api.Spec {
	return api.Spec{"replicas": int64(5), "template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "tomcat", "image": image}}}}}
}

var (
	hash8 = template("tomcat:8").Hash(api.DefaultHashLabelKey)
	name8 = "tomcat-" + hash8
)

// at is a moment of the rollout from tomcat:7 to tomcat:8.
func at(phase progress.Phase, oldSize, newSize int32) progress.Rollout {
	r := progress.Rollout{Phase: phase, Desired: 5, RC: rollout.Member{Name: "tomcat", Replicas: oldSize}, Live: template("tomcat:7")}
	r.Strategy, _ = api.ParseStrategy(nil)
	if phase.Pending() {
		r.Requested, r.RequestedHash, r.NewName, r.RequestedBy = template("tomcat:8"), hash8, name8, "alice"
	}
	if newSize >= 0 {
		r.New = &rollout.Member{Name: name8, Replicas: newSize}
	}
	return r
}

func with(r progress.Rollout, edits ...func(*progress.Rollout)) progress.Rollout {
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func live8(r *progress.Rollout) { r.Live = template("tomcat:8") }

func saying(message string) func(*progress.Rollout) {
	return func(r *progress.Rollout) { r.Message = message }
}

func cancelled(r *progress.Rollout) {
	r.Requested, r.Cancelled, r.NewName = template("tomcat:7"), true, ""
	r.RequestedHash = r.Requested.Hash(api.DefaultHashLabelKey)
	if r.New != nil {
		r.Old, r.New = []rollout.Member{*r.New}, nil
	}
}

func changed(r *progress.Rollout) {
	r.Requested, r.RequestedBy = template("tomcat:9"), "bob"
	r.RequestedHash = r.Requested.Hash(api.DefaultHashLabelKey)
	r.NewName = "tomcat-" + r.RequestedHash
}

var begun = []string{"Created " + name8,
	"Scaling up " + name8 + " from 0 to 5, scaling down tomcat from 5 to 0 (keep 5 pods available, don't exceed 6 pods)"}

func scaling(n int) []string {
	var lines []string
	for _, line := range stageLines[:n] {
		for i, name := range map[string]string{"Scaling new": "Scaling " + name8, "Scaling old": "Scaling tomcat"} {
			if line[:len(i)] == i {
				lines = append(lines, name+line[len(i):])
			}
		}
	}
	return lines
}

func TestTale(t *testing.T) {
	whole := append(append(append([]string{}, begun...), scaling(10)...), "Update succeeded. Deleting old controller: tomcat", "Renaming "+name8+" to tomcat")
	requested := at(progress.Rolling, 5, -1)
	promoting, done := with(at(progress.Promoting, 0, 5), live8), with(at(progress.Complete, 5, -1), live8)
	for name, c := range map[string]struct {
		seen  []progress.Rollout
		lines []string
		err   string
		open  bool
	}{
		"every state":                         {seen: []progress.Rollout{requested, at(progress.Rolling, 5, 0), at(progress.Rolling, 5, 1), at(progress.Rolling, 4, 1), at(progress.Rolling, 0, 5), promoting, with(at(progress.Promoting, 5, -1), live8), done}, lines: whole},
		"hardly any":                          {seen: []progress.Rollout{requested, done}, lines: whole},
		"pods are missing at the end":         {seen: []progress.Rollout{requested, promoting, with(at(progress.Settling, 5, -1), live8)}, lines: whole[:len(whole)-1], open: true},
		"nobody acts":                         {seen: []progress.Rollout{requested, requested}, open: true},
		"paused half-way":                     {seen: []progress.Rollout{requested, at(progress.Paused, 4, 1)}, lines: whole[:4], open: true},
		"failed":                              {seen: []progress.Rollout{requested, at(progress.Rolling, 5, 1), with(at(progress.Failed, 5, 1), saying("no progress for 6s"))}, lines: whole[:3], err: "rc/tomcat: no progress for 6s"},
		"failed and rolled back":              {seen: []progress.Rollout{requested, at(progress.Rolling, 5, 1), with(at(progress.RollingBack, 5, 1), cancelled), with(at(progress.RolledBack, 5, -1), saying("tomcat was rolled back"))}, lines: whole[:3], err: "rc/tomcat: tomcat was rolled back"},
		"cancelled by somebody":               {seen: []progress.Rollout{requested, with(at(progress.RollingBack, 4, 1), cancelled), at(progress.Complete, 5, -1)}, err: "the rolling update was cancelled, and is rolled back to tomcat:7"},
		"being rolled back":                   {seen: []progress.Rollout{requested, with(at(progress.RollingBack, 4, 1), cancelled)}, open: true},
		"cancelled, unseen":                   {seen: []progress.Rollout{requested, at(progress.Complete, 5, -1)}, err: "the rolling update was cancelled, and is rolled back to tomcat:7"},
		"changed by somebody":                 {seen: []progress.Rollout{requested, with(at(progress.Rolling, 4, -1), changed)}, err: "bob changed the rolling update, which now leads to tomcat:9"},
		"changed when ours was done":          {seen: []progress.Rollout{requested, promoting, with(at(progress.Promoting, 0, 5), live8, func(r *progress.Rollout) { changed(r); r.NewName = name8 }), with(at(progress.Rolling, 5, -1), live8, changed)}, lines: whole},
		"deleted":                             {seen: []progress.Rollout{requested, at(progress.Deleting, 5, -1)}, err: "rc/tomcat was deleted"},
		"another one's promotion comes first": {seen: []progress.Rollout{with(at(progress.Promoting, 0, 5), func(r *progress.Rollout) { r.NewName = "tomcat-other" })}, open: true},
	} {
		t.Run(name, func(t *testing.T) {
			story := &tale{target: name8, hash: hash8, before: at(progress.Complete, 5, -1)}
			var lines []string
			var over bool
			var err error
			for _, r := range c.seen {
				var more []string
				more, over, err = story.observe(r)
				lines = append(lines, more...)
			}
			assert.Equal(t, c.lines, lines)
			assert.Equal(t, !c.open, over)
			if c.err == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, c.err)
			}
		})
	}
}

func TestResumedTale(t *testing.T) {
	story := &tale{target: name8, hash: hash8, existed: true, before: at(progress.Rolling, 4, 1)}
	lines, _, err := story.observe(at(progress.Rolling, 3, 2))
	assert.NoError(t, err)
	assert.Equal(t, []string{"Continuing update with existing controller " + name8 + ".",
		"Scaling up " + name8 + " from 1 to 5, scaling down tomcat from 4 to 0 (keep 5 pods available, don't exceed 6 pods)",
		"Scaling " + name8 + " up to 2", "Scaling tomcat down to 3"}, lines)
}

// What gets another name is called by it from the beginning, and not renamed.
func TestRenamedTale(t *testing.T) {
	story := &tale{target: name8, hash: hash8, newName: "tomcat-8", before: at(progress.Complete, 1, -1)}
	var lines []string
	for _, r := range []progress.Rollout{at(progress.Rolling, 5, 0), at(progress.Rolling, 5, 1), with(at(progress.Promoting, 0, 5), live8), with(at(progress.Complete, 5, -1), live8)} {
		more, _, err := story.observe(r)
		assert.NoError(t, err)
		lines = append(lines, more...)
	}
	assert.Equal(t, "Created tomcat-8", lines[0])
	assert.Equal(t, "Update succeeded. Deleting tomcat", lines[len(lines)-1])
	for _, line := range lines {
		assert.NotContains(t, line, name8)
	}
}

func TestRollbackTale(t *testing.T) {
	story := &rollbackTale{}
	assert.Equal(t, `Scaling up tomcat from 5 to 5 (keep 5 pods available, don't exceed 6 pods)`,
		story.begin(with(at(progress.RollingBack, 5, -1), cancelled))[2], "there was nothing yet")
	lines := story.begin(with(at(progress.RollingBack, 4, 2), cancelled))
	var over bool
	for _, r := range []progress.Rollout{with(at(progress.RollingBack, 4, 1), cancelled), at(progress.Settling, 5, -1), at(progress.Complete, 5, -1)} {
		var more []string
		var err error
		more, over, err = story.observe(r)
		assert.NoError(t, err)
		lines = append(lines, more...)
	}
	assert.True(t, over)
	assert.Equal(t, []string{`Setting "tomcat" replicas to 5`, "Continuing update with existing controller tomcat.",
		"Scaling up tomcat from 4 to 5, scaling down " + name8 + " from 2 to 0 (keep 5 pods available, don't exceed 6 pods)",
		"Scaling " + name8 + " down to 1", "Scaling tomcat up to 5", "Scaling " + name8 + " down to 0", "Update succeeded. Deleting " + name8}, lines)

	_, over, err := story.observe(with(at(progress.Rolling, 4, 1), changed))
	assert.True(t, over)
	assert.ErrorContains(t, err, "bob began another rolling update, to tomcat:9")
}

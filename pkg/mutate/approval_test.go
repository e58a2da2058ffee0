package mutate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/mutate"
)

var (
	steps    = annotate(api.StepsAnnotation, "1,pause,50%,pause=10m")
	liveHash = specOf(rolling().Object).Hash(hashKey)
	decided  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// requestedHash is the hash of the request that is pending in rolling().
func requestedHash(t *testing.T) string {
	request, err := api.ParseSpec(rolling().GetAnnotations()[api.RequestAnnotation])
	require.NoError(t, err)
	return request.Hash(hashKey)
}

func TestApprovalIsOfARequestAndAPause(t *testing.T) {
	hash := requestedHash(t)
	for name, c := range map[string]struct {
		old     []change
		value   string
		idle    bool
		refusal string
	}{
		"the pause":              {value: hash + "/2"},
		"a later one":            {value: hash + "/4"},
		"no pause":               {value: hash + "/3", refusal: `rc/tomcat: metadata.annotations[rcroll.dev/approve]: Invalid value: "` + hash + `/3": step 3 is no pause: the steps are "1,pause,50%,pause=10m"`},
		"more steps than are":    {value: hash + "/5", refusal: "step 5 is no pause"},
		"a step without a hash":  {value: "2", refusal: "must be HASH/STEP"},
		"of the live template":   {value: liveHash + "/2", refusal: "is for another rolling update: the one in progress is to the template " + hash},
		"nothing is rolling":     {value: hash + "/2", idle: true, refusal: "no rolling update is in progress: remove the annotation"},
		"settings that are none": {old: []change{annotate(api.MaxSurgeAnnotation, "lots")}, value: hash + "/2", refusal: "max-surge"},
	} {
		t.Run(name, func(t *testing.T) {
			old := rolling(append(c.old, steps)...)
			if c.idle {
				old = tomcat(steps)
			}
			decision := mutate.Decide(mutate.Write{Old: old, New: edit(old, annotate(api.ApproveAnnotation, c.value)), User: user, Time: decided}, options)
			if c.refusal != "" {
				assert.ErrorContains(t, decision.Refusal, c.refusal)
				return
			}
			require.NoError(t, decision.Refusal)
			annotations := decision.Object.GetAnnotations()
			assert.Equal(t, c.value, annotations[api.ApproveAnnotation])
			assert.Equal(t, user, annotations[api.ApprovedByAnnotation])
			assert.Equal(t, "2026-01-02T03:04:05Z", annotations[api.ApprovedAtAnnotation])
		})
	}
}

// An approval goes with its request, however that goes, and with nothing else.
func TestApprovalGoesWithTheRequest(t *testing.T) {
	hash := requestedHash(t)
	approved := rolling(steps, annotate(api.ApproveAnnotation, hash+"/2"), annotate(api.ApprovedByAnnotation, "bob"),
		annotate(api.ApprovedAtAnnotation, "2026-01-01T00:00:00Z"))
	for name, c := range map[string]struct {
		changes []change
		user    string
		stays   bool
	}{
		"another label":        {changes: []change{label("team", "a")}, stays: true},
		"other replicas":       {changes: []change{replicas(8)}, stays: true},
		"another image":        {changes: []change{image("tomcat:9")}},
		"another variable":     {changes: []change{env("A", "1")}},
		"a cancel":             {changes: []change{unannotate(api.RequestAnnotation)}},
		"withdrawn":            {changes: []change{unannotate(api.ApproveAnnotation)}},
		"the agent's cancel":   {changes: []change{annotate(api.CommandAnnotation, api.Command{Operation: api.Cancel, Hash: hash}.String())}, user: agent},
		"the agent's step":     {changes: []change{annotate(api.CommandAnnotation, api.Command{Operation: api.Scale, Hash: hash, Replicas: 2}.String())}, user: agent, stays: true},
		"the agent's old step": {changes: []change{annotate(api.CommandAnnotation, api.Command{Operation: api.Approve, Hash: hash, Step: 1}.String())}, user: agent, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			write := mutate.Write{Old: approved, New: edit(approved, c.changes...), User: user, Time: decided}
			if c.user != "" {
				write.User = c.user
			}
			decision := mutate.Decide(write, options)
			if decision.Question != nil {
				write.Stored = specOf(decision.Question.Object)
				decision = mutate.Decide(write, options)
			}
			require.NoError(t, decision.Refusal)
			for _, key := range []string{api.ApproveAnnotation, api.ApprovedByAnnotation, api.ApprovedAtAnnotation} {
				if c.stays {
					assert.Equal(t, approved.GetAnnotations()[key], decision.Object.GetAnnotations()[key])
				} else {
					assert.NotContains(t, decision.Object.GetAnnotations(), key)
				}
			}
		})
	}
}

// TestNewRequestHasNoApproval: one that came past the webhook, while nothing was rolling.
func TestNewRequestHasNoApproval(t *testing.T) {
	old := tomcat(steps, annotate(api.ApproveAnnotation, requestedHash(t)+"/2"))
	write := mutate.Write{Old: old, New: edit(old, image("tomcat:8")), User: user, Time: decided}
	write.Stored = specOf(mutate.Decide(write, options).Question.Object)
	decision := mutate.Decide(write, options)
	require.Equal(t, mutate.Requests, decision.Meaning)
	assert.NotContains(t, decision.Object.GetAnnotations(), api.ApproveAnnotation)
}

func TestPauseThatIsOver(t *testing.T) {
	hash, old := requestedHash(t), rolling(steps)
	command := api.Command{Operation: api.Approve, Hash: hash, Step: 4}
	decision := mutate.Decide(mutate.Write{Old: old, New: edit(old, annotate(api.CommandAnnotation, command.String())), User: agent, Time: decided}, options)
	require.NoError(t, decision.Refusal)
	assert.Equal(t, edit(old, annotate(api.ApproveAnnotation, hash+"/4"), annotate(api.ApprovedByAnnotation, agent),
		annotate(api.ApprovedAtAnnotation, "2026-01-02T03:04:05Z")), decision.Object)

	direct := edit(old, annotate(api.ApproveAnnotation, hash+"/2"))
	decision = mutate.Decide(mutate.Write{Old: old, New: direct, User: agent}, options)
	assert.ErrorContains(t, decision.Refusal, "by commands only", "the agent approves nothing by itself")
}

// An approval in an export is for a rollout elsewhere.
func TestCreatedWithoutApproval(t *testing.T) {
	export := edit(rolling(steps, annotate(api.ApproveAnnotation, requestedHash(t)+"/2")), asManifest)
	decision := mutate.Decide(mutate.Write{New: export, User: user}, options)
	require.NoError(t, decision.Refusal)
	assert.NotContains(t, decision.Object.GetAnnotations(), api.ApproveAnnotation)
}

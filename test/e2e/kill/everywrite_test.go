package kill

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

// allKillsEnv has TestKilledAtEveryWrite kill the agent before its writes, too.
const allKillsEnv = "RCROLL_ALL_KILLS"

// killReplicas is as small as a rollout with a middle can be: there are many runs.
const killReplicas = 2

// A story is one edit, of which every consequence is interrupted once.
type story struct {
	name string

	// halfway reports whether the edit comes in the middle of a rollout to tomcat:8.
	halfway bool

	// edit is what the user asks for; it may be refused while a webhook is down.
	edit func(*scenario) error

	// meanwhile is what the user asks for while the component is dead; it may be nil.
	meanwhile func(*scenario) error

	// history is what is recorded of it in the end; nil if that depends on when a component died.
	history []string

	// ends waits for the end and checks it.
	ends func(*scenario)

	// uninterrupted is the end if no component dies.
	uninterrupted func(observe.Moment) bool

	bounds observe.Bounds
}

func stories() []story {
	to := func(image string) story {
		return story{
			edit:   func(s *scenario) error { return s.ask(image) },
			ends:   func(s *scenario) { s.AwaitRollout(image, killReplicas) },
			bounds: harness.AnyTurnover(killReplicas),

			uninterrupted: harness.Serves(image, killReplicas),
		}
	}
	rollout := to("tomcat:8")
	rollout.name, rollout.bounds = "rollout", harness.SurgeOne(killReplicas)
	rollout.history = []string{"1 tomcat:7", "2 tomcat:8 Succeeded"}

	rollover := to("tomcat:9")
	rollover.name, rollover.halfway = "rollover", true
	rollover.history = []string{"1 tomcat:7", "2 tomcat:8 Superseded", "3 tomcat:9 Succeeded"}

	cancel := story{
		name: "cancel", halfway: true,
		history: []string{"1 tomcat:7", "2 tomcat:8 Cancelled"},
		edit:    (*scenario).withdraw,
		ends:    func(s *scenario) { s.AwaitRollback("tomcat:7", killReplicas) },
		bounds:  harness.AnyTurnover(killReplicas),

		uninterrupted: harness.Serves("tomcat:7", killReplicas),
	}

	overlapped := to("tomcat:9")
	overlapped.name, overlapped.edit, overlapped.meanwhile = "edit while dead", rollout.edit, overlapped.edit
	overlapped.uninterrupted = rollout.uninterrupted
	return []story{rollout, rollover, cancel, overlapped}
}

// ask sends what kubectl set image sends, as a dry run if metav1.DryRunAll is given.
func (s *scenario) ask(image string, dryRun ...string) error {
	return s.patch("kubectl-set", types.StrategicMergePatchType,
		`{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"`+image+`"}]}}}}`, dryRun...)
}

// withdraw sends what kubectl annotate rcroll.dev/request- sends.
func (s *scenario) withdraw() error {
	return s.patch("kubectl-annotate", types.MergePatchType, `{"metadata":{"annotations":{"`+api.RequestAnnotation+`":null}}}`)
}

func (s *scenario) patch(manager string, kind types.PatchType, body string, dryRun ...string) error {
	_, err := s.RCs().Patch(harness.Context(s.T), s.RCName, kind,
		[]byte(body), metav1.PatchOptions{FieldManager: manager, DryRun: dryRun})
	return err
}

// insist does something again until it is not refused.
func (s *scenario) insist(edit func(*scenario) error) {
	s.Helper()
	var last error
	require.Eventually(s, func() bool { last = edit(s); return last == nil }, harness.Patience, 200*time.Millisecond)
	require.NoError(s, last)
}

// interruption is one run of a story in which a component was killed once.
type interruption struct {
	story, victim string
	when          instant
	what          string
	lowest        int
	highest       int
	took          time.Duration
}

// ledger collects the runs of all tracks.
type ledger struct {
	mu   sync.Mutex
	runs []interruption
}

func (l *ledger) add(r interruption) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = append(l.runs, r)
}

func (l *ledger) String() string {
	var text strings.Builder
	slices.SortStableFunc(l.runs, func(a, b interruption) int {
		return strings.Compare(a.victim+a.story+string(b.when), b.victim+b.story+string(a.when))
	})
	fmt.Fprintf(&text, "%d runs of %d replicas\n%-8s %-16s %-6s %6s %7s %7s  %s\n", len(l.runs), killReplicas,
		"killed", "story", "when", "lowest", "highest", "seconds", "request")
	for _, r := range l.runs {
		fmt.Fprintf(&text, "%-8s %-16s %-6s %6d %7d %7.1f  %s\n",
			r.victim, r.story, r.when, r.lowest, r.highest, r.took.Seconds(), r.what)
	}
	return text.String()
}

// For every write that the agent makes in a story there is one run in which it dies
// before the write arrives, and one in which it dies before the answer arrives; for
// every review that the webhook is asked for, one in which it dies before it looks
// at it, and one in which it dies right after its answer. A fresh process goes on.
//
// An agent that died before a write left the world as one that died after the write before
// it: those runs are made if allKillsEnv is set.
//
// Every run has a namespace and an agent of its own, which sees nothing else, so that
// several can be under way.
func TestKilledAtEveryWrite(t *testing.T) {
	withoutAgent(t)
	reviews := interposeReviews(t)
	var all ledger
	t.Run("of", func(t *testing.T) {
		for _, st := range stories() {
			for _, when := range []instant{rightBefore, rightAfter} {
				if when == rightAfter || os.Getenv(allKillsEnv) != "" {
					t.Run(fmt.Sprintf("agent, %s, %s", st.name, when), func(t *testing.T) {
						t.Parallel()
						atEvery(t, &all, interruption{story: st.name, victim: harness.Agent, when: when}, st.withAgentKilled)
					})
				}
				t.Run(fmt.Sprintf("webhook, %s, %s", st.name, when), func(t *testing.T) {
					t.Parallel()
					atEvery(t, &all, interruption{story: st.name, victim: harness.Webhook, when: when}, func(s *scenario, r *interruption, past map[string]bool) bool {
						return st.withWebhookKilled(s, r, past, reviews)
					})
				})
			}
		}
	})
	t.Log(&all)
}

// atEvery runs a story until it ends without a request at which it was not yet
// interrupted.
func atEvery(t *testing.T, all *ledger, r interruption, interrupt func(*scenario, *interruption, map[string]bool) (struck bool)) {
	past := map[string]bool{}
	for struck := true; struck && !t.Failed(); {
		t.Run(fmt.Sprint(len(past)+1), func(t *testing.T) {
			s := given(t, manifest.Replicas(killReplicas))
			begun := time.Now()
			if struck = interrupt(s, &r, past); !struck {
				return
			}
			result := s.Result()
			r.lowest, r.highest, r.took = result.LowestAvailable(), result.HighestPods(), time.Since(begun)
			all.add(r)
		})
	}
	require.NotEmpty(t, past, "nothing was interrupted at all")
}

// withAgentKilled runs the story, with the agent killed at one of its writes.
func (st story) withAgentKilled(s *scenario, r *interruption, past map[string]bool) (struck bool) {
	writes := newGate(apiServerFor(s.T, s.Namespace), describeWrite)
	server := serve(s.T, writes)
	victim := runAgent(s.T, server, alone)
	arm := func() { writes.arm(past, r.when, victim.kill) }
	return st.interrupted(s, r, writes, arm, func() { runAgent(s.T, server, alone) })
}

// interrupted runs the story. What it has to await is either that the gate strikes,
// upon which restart brings the component back, or the end.
func (st story) interrupted(s *scenario, r *interruption, g *gate, arm, restart func()) (struck bool) {
	s.Helper()
	if st.halfway {
		s.insist(func(s *scenario) error { return s.ask("tomcat:8") })
		s.Await("a first pod of tomcat:8 serves", harness.Available("tomcat:8", 1))
	}
	arm()
	// Without a webhook the edit may be refused.
	edit := st.edit(s)
	finished, stop := s.whether(st.uninterrupted)
	defer stop()
	if edit == nil {
		select {
		case <-g.struck:
		case <-finished:
			if !g.disarm() {
				return false
			}
		case <-time.After(harness.Patience):
			require.Fail(s, "nothing happens any more")
		}
	}
	select {
	case <-g.struck:
	case <-time.After(harness.Patience):
		require.NoError(s, edit)
	}
	r.what = g.what
	if st.meanwhile == nil {
		restart()
	} else {
		refused := st.meanwhile(s)
		restart()
		if refused != nil {
			s.insist(st.meanwhile)
		}
	}
	if edit != nil && st.meanwhile == nil {
		s.insist(st.edit)
	}
	st.check(s)
	return true
}

func (st story) check(s *scenario) {
	s.Helper()
	st.ends(s)
	s.Expect(st.bounds)
	if st.history != nil {
		assert.Equal(s, st.history, s.History())
	}
}

// whether returns a channel that is closed at the first moment of which holds is
// true, if there is one before stop is called.
func (s *scenario) whether(holds func(observe.Moment) bool) (reached <-chan struct{}, stop func()) {
	ctx, stop := context.WithTimeout(harness.Context(s.T), harness.Patience)
	found := make(chan struct{})
	go func() {
		if _, err := s.Observer.Await(ctx, "", holds); err == nil {
			close(found)
		}
	}()
	return found, stop
}

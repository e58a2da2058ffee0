package matrix

import (
	"encoding/json"
	"flag"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/golden"
	"github.com/rcroll/rcroll/test/observe"
)

// update rewrites what is generated from the matrix: the table in docs/clients.md
// and, on a control plane, the recorded reviews.
var update = flag.Bool("update", false, "rewrite docs/clients.md and pkg/webhook/testdata/reviews")

// meaning is what an edit is expected to mean, in the words of the table.
type meaning string

const (
	rollsOut      meaning = "rolls out"
	replaces      meaning = "replaces the request"
	adds          meaning = "adds to the request"
	cancels       meaning = "cancels"
	waits         meaning = "rolls out next"
	goesOn        meaning = "changes nothing"
	passes        meaning = "passes"
	unsent        meaning = "sends nothing"
	refuses       meaning = "refused"
	ignored       meaning = "is ignored"
	removes       meaning = "removes everything"
	orphans       meaning = "leaves the pods"
	recreates     meaning = "starts anew"
	notApplicable meaning = "–"
)

// row is an edit: what a user does with one client.
type row struct {
	name string

	// shape edits the manifest that everything starts from.
	shape []manifest.Edit

	// rollTo edits the manifest as the rollout does that came before, if any.
	// By default it changes the first image and sets a variable, which declared
	// edits do not mention: adding keeps the variable, replacing drops it.
	rollTo func(image string) []manifest.Edit

	// create makes the ReplicationController, by default with kubectl apply.
	create func(*scenario, manifest.RC)

	// send asks for the rollout that came before; by default with kubectl patch.
	send func(s *scenario, before, after manifest.RC) answer

	// edit is what is tested.
	edit func(*attempt) answer

	// change is what the edit changes in the state that it applies to.
	change func(*attempt, *golden.State)

	// sharing reports whether the edit leaves the rollout alone. Several such edits
	// are tried in one scenario, one after the other.
	sharing bool

	// ofNewRC reports whether the edit is one of the new RC.
	ofNewRC bool

	// cells by the names of the moments.
	cells map[string]cell
}

// cell is what an edit means at a moment.
type cell struct {
	means meaning

	// says is contained in what the user reads.
	says string

	// note is for readers of the table: why a cell is not applicable, for one.
	note string

	// except changes the wanted state where row.change is not the whole truth.
	except func(*golden.State)

	// turnover is the number of pods created and deleted, nil for the usual one.
	turnover *turnover
}

type turnover struct{ created, deleted int }

// answer is what a client is told.
type answer struct{ warnings, failure string }

// attempt is one cell while it is tried.
type attempt struct {
	*scenario
	row    row
	moment moment
	cell   cell

	// first is the manifest from which all began; sent the one that was sent last.
	first, sent manifest.RC

	// release lets go on what was held at the moment.
	release func()
}

// TestMatrix makes every edit at every moment, and follows the rollout to its end.
func TestMatrix(t *testing.T) {
	t.Parallel()
	harness.Cluster(t)
	recorder := startRecorder(t)
	for _, moment := range moments {
		t.Run(moment.name, func(t *testing.T) {
			t.Parallel()
			var sharing []row
			for _, row := range rows() {
				switch {
				case row.cells[moment.name].means == notApplicable:
				case row.sharing:
					sharing = append(sharing, row)
				default:
					t.Run(row.name, func(t *testing.T) {
						t.Parallel()
						a := reach(t, row, moment, recorder)
						a.try(recorder)
						a.ends()
					})
				}
			}
			t.Run("sharing", func(t *testing.T) {
				t.Parallel()
				tryInTurn(t, sharing, moment, recorder)
			})
		})
	}
}

// tryInTurn tries edits that leave a rollout alone in the same scenario.
func tryInTurn(t *testing.T, rows []row, moment moment, recorder *recorder) {
	all := reach(t, row{cells: map[string]cell{moment.name: {means: goesOn}}}, moment, recorder)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			one := *all
			one.scenario, one.row, one.cell = &scenario{all.For(t)}, row.withDefaults(), row.cells[moment.name]
			one.try(recorder)
		})
	}
	all.ends()
}

// reach brings about the moment at which the edit is made.
func reach(t *testing.T, r row, m moment, recorder *recorder) *attempt {
	t.Helper()
	s := &scenario{harness.NewScenario(t, "tomcat")}
	recorder.label(s)
	a := &attempt{scenario: s, row: r.withDefaults(), moment: m, cell: r.cells[m.name], release: func() {}}
	a.first = manifest.Tomcat(t, append([]manifest.Edit{manifest.Replicas(m.replicas), manifest.Annotated(m.annotations...)}, r.shape...)...)
	a.sent = a.first
	a.row.create(s, a.first)
	if _, stated := a.first.Spec()["replicas"]; !stated {
		s.Kubectl("scale", s.Ref(), fmt.Sprintf("--replicas=%d", m.replicas))
	}
	n := int(a.live().Replicas)
	s.Await("it serves", harness.Serves(a.first.Images(), n))
	if m.asked != "" {
		a.sent = a.first.With(a.row.rollTo(m.asked)...)
		got := a.row.send(s, a.first, a.sent)
		require.Empty(t, got.failure)
	}
	m.reach(a)
	s.Begin()
	return a
}

func (r row) withDefaults() row {
	if r.rollTo == nil {
		r.rollTo = func(to string) []manifest.Edit {
			return []manifest.Edit{manifest.Image(to), manifest.Env("MODE", "first")}
		}
	}
	if r.create == nil {
		r.create = func(s *scenario, m manifest.RC) { s.Apply(m) }
	}
	if r.send == nil {
		r.send = patchAs("kubectl-patch")
	}
	if r.change == nil {
		r.change = func(*attempt, *golden.State) {}
	}
	return r
}

// live is the state before the edit, of what serves.
func (a *attempt) live() golden.State {
	if a.moment.promoted {
		return a.stateOf(a.sent)
	}
	return a.stateOf(a.first)
}

// asked is the state before the edit, of what is asked for.
func (a *attempt) asked() golden.State { return a.stateOf(a.sent) }

// wanted is the state that is asked for after the edit.
func (a *attempt) wanted() golden.State {
	state := a.asked()
	switch a.cell.means {
	case cancels:
		state = a.live()
	case rollsOut, replaces, adds, waits, passes, recreates:
		a.row.change(a, &state)
	}
	if a.cell.except != nil {
		a.cell.except(&state)
	}
	return state
}

// stateOf is the state that a manifest describes. Replicas that it does not state
// are those of the moment.
func (a *attempt) stateOf(m manifest.RC) golden.State {
	rc := typed(a.T, m)
	if rc.Spec.Replicas == nil {
		n := int32(a.moment.replicas)
		rc.Spec.Replicas = &n
	}
	return golden.StateOf(rc.Spec)
}

func typed(t testing.TB, m manifest.RC) *corev1.ReplicationController {
	t.Helper()
	rc := &corev1.ReplicationController{}
	text, err := json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, rc))
	return rc
}

// edited is the name of the ReplicationController that the edit is about.
func (a *attempt) edited() string {
	if a.row.ofNewRC {
		return a.Now().Owned()[0].Name
	}
	return a.RCName
}

// bounds are those of P1 to P4 from the edit to the end.
func (a *attempt) bounds(end golden.State) observe.Bounds {
	n := a.moment.replicas
	usual := a.moment.turnover[a.cell.means]
	if a.cell.turnover != nil {
		usual = *a.cell.turnover
	}
	return observe.Bounds{
		MinAvailable: min(int(a.live().Replicas), int(end.Replicas)),
		MaxPods:      max(n, int(end.Replicas)) + matrixSurge,
		Created:      usual.created,
		Deleted:      usual.deleted,
	}
}

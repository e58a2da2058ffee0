package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var mutantsFlag = flag.Bool("sim.mutants", false, "run the simulation with each deliberate bug; takes minutes")

// mutants are bugs that the simulation must find. Each is put into a copy of the
// sources, in place of what it says there.
var mutants = []struct {
	name  string
	edits []edit

	// first is the first seed of the search for a bug that shows rarely, 0 for the
	// seeds that are always run. There may be none without the bug that fails.
	first uint64

	// by are the arguments of go test for the test that catches it; that of the seeds, if
	// there are none.
	by []string
}{
	{name: "drop the seal", edits: []edit{
		{"pkg/api/labels.go", `Labelled(seal, seal).WithReplicas(0)`, `Labelled(nil, seal).WithReplicas(0)`},
		{"pkg/mutate/command.go", `sealed := live.Selector()[api.SealedLabel]`, `sealed := live.TemplateLabels()[api.SealedLabel]`},
		{"pkg/agent/snapshot.go", `live.Selector()[api.SealedLabel]`, `live.TemplateLabels()[api.SealedLabel]`},
	}},
	{name: "adopt before the orphans are free", edits: []edit{
		{"pkg/rollout/promote.go", `return wait(newRC.Name + " is being deleted")`, `return adopt(s)`},
	}},
	{name: "ignore observedGeneration", edits: []edit{
		{"pkg/rollout/object.go", `status("observedGeneration") >= rc.GetGeneration()`, `true`},
	}},
	{name: "clear the request before promotion", edits: []edit{
		{"pkg/mutate/command.go", `setAnnotation(object, api.PromotingSinceAnnotation, write.Time.UTC().Format(time.RFC3339))`,
			`_ = time.RFC3339
		removeAnnotations(object, reservedAnnotations...)
		removeLabel(object, api.RollingLabel)`},
	}},
	{name: "forget old RCs", edits: []edit{
		{"pkg/rollout/snapshot.go", `return newRC, append(sortedWithout(s.Owned, newRC.Name), s.RC)`, `return newRC, []Member{s.RC}`},
		{"pkg/rollout/promote.go", ` && len(s.Owned) == 1`, ``},
	}},
	{name: "wrong rounding", edits: []edit{
		{"pkg/api/strategy.go", `Pods(s.MaxSurge, desired, true)`, `Pods(s.MaxSurge, desired, false)`},
		{"pkg/api/strategy.go", `Pods(s.MaxUnavailable, desired, false)`, `Pods(s.MaxUnavailable, desired, true)`},
	}},
	{name: "no resourceVersion", edits: []edit{
		{"pkg/agent/apply.go", `metadata["resourceVersion"] = member.GetResourceVersion()`, ``},
	}},
	{name: "decide on a stale cache", edits: []edit{
		{"pkg/agent/observe.go", `if len(behind) > 0 {`, `if false {`},
		{"pkg/agent/observe.go", `current == nil || current.GetResourceVersion() != cached.GetResourceVersion()`, `current == nil`},
	}},
	{name: "lose replicas on rollover", edits: []edit{
		{"pkg/mutate/request.go", `withoutStaleShare(write, live, wanted, pending), pending)`, `withoutStaleShare(write, live, wanted, pending), pending.WithReplicas(live.Replicas()))`},
	}},
	{name: "retry a timed-out create blindly", edits: []edit{
		{"pkg/agent/apply.go", `if err := r.cached.Create(ctx, newRC); err != nil {`, `err := r.cached.Create(ctx, newRC)
		if apierrors.IsTimeout(err) {
			newRC.SetName(newRC.GetName() + "-again")
			err = r.cached.Create(ctx, newRC)
		}
		if err != nil {`},
		// The webhook refuses it another name, which is a second line of defence.
		{"pkg/mutate/owned.go", `if requested.GetName() != write.New.GetName() {`, `if false {`},
	}},

	// Beyond the ten: what the promotion's other steps, and the bugs that the
	// simulation found, are about.
	{name: "allow pods while adopting", edits: []edit{
		{"pkg/mutate/command.go", `Labelled(nil, mark).WithReplicas(command.Replicas)`, `Labelled(nil, mark).Unmarked().WithReplicas(command.Replicas)`},
	}},
	{name: "orphan before the manager has seen the seal", edits: []edit{
		{"pkg/rollout/promote.go", `case !s.RC.StatusObserved:
		// A manager`, `case false:
		// A manager`},
	}},
	{name: "finish with orphans left", edits: []edit{
		{"pkg/rollout/promote.go", `case s.Pods.Orphans > 0 || s.Pods.OfNewRC > 0:`, `case false:`},
		{"pkg/rollout/promote.go", `if !s.RC.stable() {`, `if !s.RC.StatusObserved {`},
		{"pkg/rollout/promote.go", `case s.Pods.OfRC > s.RC.Pods:`, `case false:`},
	}},
	{name: "create the new RC open", edits: []edit{
		{"pkg/mutate/owned.go", `setSpec(object, api.SpecOf(requested))`, `setSpec(object, api.SpecOf(requested).Opened())`},
	}},
	{name: "take doubt for trouble", edits: []edit{
		{"pkg/rollout/member.go", `if !m.stable() || m.Pods > m.Replicas {`, `if !m.stable() {`},
	}},
	{name: "take over on an old cache", first: 29001, edits: []edit{
		{"pkg/agent/observe.go", `if len(o.members) == 1 || o.memory.expectations.hasWritten() {`, `if true {`},
	}},
	{name: "no safeguard against adopters", edits: []edit{
		{"test/sim/adopter.go", `	if refused {`, `	if false && refused {`},
	}},
	{name: "forget the successor", edits: []edit{
		{"pkg/api/newrc.go", `spec = spec.Labelled(nil, map[string]string{SuccessorLabel: string(owner.GetUID())})`, ``},
	}},
	{name: "take a timeout for a refusal", first: 8001, edits: []edit{
		{"pkg/agent/apply.go", `if !isRejected(err) {`, `if false && !isRejected(err) {`},
	}},
	{name: "adopt fewer pods than may be counted", first: 2501, edits: []edit{
		{"pkg/rollout/promote.go", `pods += min(`, `pods += 0 * min(`},
	}},
	{name: "no safeguard against rolling twice", edits: []edit{
		{"pkg/agent/snapshot.go", `annotations[api.PromotedAnnotation]) && s.Requested != s.Live {`,
			`annotations[api.PromotedAnnotation]) && s.Requested != s.Live && false {`},
	}},
	{name: "verdict as oneself", edits: []edit{
		{"test/sim/others.go", `as := by`, `as := requester{user: webhookUser}`},
	}},
	{name: "merge unchecked", by: []string{"./pkg/mutate", "-run=^TestMergeIsFaithful$"}, edits: []edit{
		{"pkg/mutate/mergelist.go", `if _, repeated := e.byKey[key]; repeated {`, `if _, repeated := e.byKey[key]; repeated && false {`},
	}},
	{name: "a freeze holds a rescue", by: []string{"./test/sim", "-run=^TestNoPolicyHoldsARescue$"}, edits: []edit{
		{"pkg/agent/policies.go", `s.Rescue() || s.RC.Deleting`, `s.RC.Deleting`},
		{"pkg/rollout/decide.go", `	case s.cancelled():
		return RollingBack, rollBack
	case s.atPause():
`, `	case s.Hold != nil:
		return Held, hold
	case s.cancelled():
		return RollingBack, rollBack
	case s.atPause():
`},
	}},
	{name: "the deadline's clock runs in a freeze", by: []string{"./test/sim", "-run=^TestFreezeStopsTheClock$"}, edits: []edit{
		{"pkg/rollout/conditions.go", `reconciling(corev1.ConditionUnknown, reason, reason, by.Message)`, `reconciling(corev1.ConditionTrue, s.underwayReason(), reason, by.Message)`},
		{"pkg/rollout/conditions.go", `func held(by policy.Hold) announcement {`, `func held(s Snapshot, by policy.Hold) announcement {`},
		{"pkg/rollout/decide.go", `held(*s.Hold)`, `held(s, *s.Hold)`},
	}},
	// By the seeds, in which policies come and go at any moment.
	{name: "a freeze holds a rollback", edits: []edit{
		{"pkg/agent/policies.go", `s.Rescue() || s.RC.Deleting`, `s.RC.Deleting`},
		{"pkg/rollout/decide.go", `	case s.cancelled():
		return RollingBack, rollBack
	case s.atPause():
`, `	case s.Hold != nil:
		return Held, hold
	case s.cancelled():
		return RollingBack, rollBack
	case s.atPause():
`},
	}},
	{name: "a window holds a promotion", edits: []edit{
		{"pkg/agent/policies.go", `s.Rescue() || s.RC.Deleting`, `s.RC.Deleting`},
		{"pkg/rollout/decide.go", `	case s.promoting():
		return`, `	case s.Hold != nil && s.Hold.Kind == "OutsideWindow":
		return Held, hold
	case s.promoting():
		return`},
	}},
	{name: "a freeze lets go on what has begun", edits: []edit{
		{"pkg/policy/policy.go", `if p.spec.Frozen != nil {
			return &Hold`, `if p.spec.Frozen != nil && !begun {
			return &Hold`},
	}},
	{name: "an override does nothing", edits: []edit{
		{"pkg/agent/policies.go", `s.Hold = effective.Hold(s.Now, s.Begun(), overridden)`, `s.Hold = effective.Hold(s.Now, s.Begun(), nil)`},
	}},
	{name: "a policy holds what it does not select", edits: []edit{
		{"pkg/policy/policy.go", `return p.rcs.Matches(labels.Set(target.Labels)) && `, `return `},
	}},
	{name: "the end of a policy wakes nobody", edits: []edit{
		{"pkg/agent/policies.go", `if wake == nil || r.cached.List`, `if true || r.cached.List`},
	}},
	{name: "a place that is left wakes nobody", edits: []edit{
		{"pkg/agent/policies.go", `if r.queue.wake == nil || len(r.queue.full) == 0 {`, `if true {`},
	}},
	{name: "keep the place of a rollout that is over", by: []string{"./pkg/agent", "-run=^TestPlaceIsLeft$"}, edits: []edit{
		{"pkg/agent/reconciler.go", `		r.queue.leave(key)
`, ``},
	}},
	{name: "limits of policies are forgotten", edits: []edit{
		{"pkg/agent/snapshot.go", `effective.Bound(strategy)`, `strategy`},
	}},
	{name: "leave finished pods", edits: []edit{
		{"pkg/rollout/promote.go", `if s.Pods == nil {
		return decision`, `if true {
		return decision`},
	}},
	{name: "take an old approval", edits: []edit{
		{"pkg/api/approval.go", `if err != nil || approval.Hash != hash {`, `if err != nil {`},
		{"pkg/mutate/approval.go", `case !sameTemplate || !approved:`, `case !approved:`},
	}},
	{name: "keep an approval for the same template", edits: []edit{
		{"pkg/mutate/approval.go", `case !sameTemplate || !approved:`, `case !approved:`},
		{"pkg/mutate/command.go", `		removeAnnotations(object, approvalAnnotations...)
	case api.Approve:`, `	case api.Approve:`},
	}},
	{name: "do not stop at a step", edits: []edit{
		{"pkg/rollout/roll.go", `limits.size = s.position(target, old).size`, ``},
	}},
	{name: "do not sweep", edits: []edit{
		{"pkg/agent/reconciler.go", `return r.sweep(ctx, key)`, `return reconcile.Result{}, nil`},
	}},
}

type edit struct{ file, old, new string }

// TestMutantsApply checks that each bug can still be put in. It needs no flag, so that
// whoever moves one of the texts hears of it at once.
func TestMutantsApply(t *testing.T) {
	for _, mutant := range mutants {
		t.Run(mutant.name, func(t *testing.T) {
			_, err := mutated(moduleRoot(t), mutant.edits)
			require.NoError(t, err)
		})
	}
}

// TestMutants expects the simulation to fail with each of the bugs.
func TestMutants(t *testing.T) {
	if !*mutantsFlag {
		t.Skip("takes minutes: make mutants runs it")
	}
	root := moduleRoot(t)
	for _, mutant := range mutants {
		t.Run(mutant.name, func(t *testing.T) {
			arguments := []string{"test", "-overlay=" + overlay(t, root, mutant.edits), "-timeout=1h"}
			if mutant.by != nil {
				arguments = append(arguments, mutant.by...)
			} else {
				arguments = append(arguments, "./test/sim", "-run=^TestSeeds$", "-sim.failures=1")
			}
			if mutant.first > 0 {
				arguments = append(arguments, fmt.Sprintf("-sim.first=%d", mutant.first), "-sim.seeds=10000")
			}
			command := exec.CommandContext(t.Context(), "go", arguments...)
			command.Dir = root
			output, err := command.CombinedOutput()
			found := failurePattern.FindString(string(output))
			if err == nil || found == "" {
				t.Fatalf("not caught: %v\n%s", err, output)
			}
			t.Log(found)
		})
	}
}

// failurePattern is how a property that does not hold is told.
var failurePattern = regexp.MustCompile(`(seed \d+|edit .*): P\d+: .*|--- FAIL: Test(Merge|NoPolicy|Freeze|Place)\w+`)

func moduleRoot(t *testing.T) string {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	return root
}

// mutated are the sources with the bug in them, by their paths in the module.
func mutated(root string, edits []edit) (map[string]string, error) {
	sources := map[string]string{}
	for _, edit := range edits {
		source, read := sources[edit.file]
		if !read {
			content, err := os.ReadFile(filepath.Join(root, edit.file))
			if err != nil {
				return nil, fmt.Errorf("the file of a mutant was moved: name its new path in mutants_test.go: %w", err)
			}
			source = string(content)
		}
		if n := strings.Count(source, edit.old); n != 1 {
			return nil, fmt.Errorf("%s has %d times, and must have once:\n\t%s\nThe code that this mutant breaks was rewritten. "+
				"In mutants_test.go put the text as it is now in place of the old one, and next to it the same bug as before; "+
				"`make mutants` shows if it is still caught", edit.file, n, edit.old)
		}
		sources[edit.file] = strings.Replace(source, edit.old, edit.new, 1)
	}
	return sources, nil
}

// overlay writes the sources with the bug in them, and the file that go test -overlay reads.
func overlay(t *testing.T, root string, edits []edit) string {
	sources, err := mutated(root, edits)
	require.NoError(t, err)
	dir, replace := t.TempDir(), map[string]string{}
	for path, source := range sources {
		copied := filepath.Join(dir, strings.ReplaceAll(path, "/", "_"))
		require.NoError(t, os.WriteFile(copied, []byte(source), 0o600))
		replace[filepath.Join(root, path)] = copied
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	name := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	return name
}

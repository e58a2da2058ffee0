package rolloutpolicies

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

func TestMain(m *testing.M) { harness.Main(m) }

// policyFor applies a policy for the namespace of the scenario, of the same name.
func policyFor(s *harness.Scenario, spec string) {
	s.Helper()
	s.KubectlWithInput(fmt.Sprintf(`{apiVersion: rcroll.dev/v1alpha1, kind: RolloutPolicy, metadata: {name: %[1]s},
		spec: {namespaceSelector: {matchLabels: {"kubernetes.io/metadata.name": %[1]s}}, %[2]s}}`, s.Namespace, spec), "apply", "-f", "-")
	s.Cleanup(func() { s.TryKubectl("", "delete", "rolloutpolicy", s.Namespace) })
	s.Kubectl("wait", "rolloutpolicy/"+s.Namespace, "--for=condition=Accepted", "--timeout=30s")
}

// given is tomcat:7 with its pods, under a policy.
func given(t *testing.T, spec string, edits ...manifest.Edit) *harness.Scenario {
	t.Helper()
	s := harness.Given(t, manifest.Tomcat(t, edits...))
	policyFor(s, spec)
	return s
}

func reads(reason string) func(observe.Moment) bool {
	return func(m observe.Moment) bool {
		progressing := harness.Condition(m.RC, rollout.Progressing)
		return progressing != nil && progressing.Reason == reason
	}
}

// A freeze holds what is requested, says so at once, and ends when it is lifted.
func TestFrozen(t *testing.T) {
	t.Parallel()
	s := given(t, `frozen: {reason: "incident 4711"}`)
	out := s.SetImage("tomcat=tomcat:8")
	assert.Contains(t, out.Stderr, "the rolling update does not begin now: RolloutPolicy "+s.Namespace+" holds it: incident 4711")
	held := s.Await("it is frozen", reads("Frozen"))
	assert.Empty(t, held.Owned())
	assert.Contains(t, harness.Condition(held.RC, rollout.Progressing).Message, "incident 4711")
	assert.Eventually(t, func() bool {
		return s.Kubectl("get", "rolloutpolicy", s.Namespace, "-o", "jsonpath={.status.frozen} {.status.matched} {.status.inFlight} {.status.queued}").Stdout == "true 1 0 1"
	}, harness.Patience, 200*time.Millisecond)
	s.Kubectl("patch", "rolloutpolicy", s.Namespace, "--type=json", `-p=[{"op":"remove","path":"/spec/frozen"}]`)
	s.AwaitRollout("tomcat:8", 5)
	s.Expect(harness.SurgeOne(5))
}

// A freeze in the middle holds the rollout there, and does not hold its cancel.
func TestFrozenLetsACancelPass(t *testing.T) {
	t.Parallel()
	s := harness.Given(t, manifest.Tomcat(t))
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	policyFor(s, `frozen: {reason: stop}`)
	s.Await("it is frozen", reads("Frozen"))
	s.Kubectl("annotate", "rc/tomcat", api.RequestAnnotation+"-")
	s.AwaitRollback("tomcat:7", 5)
}

// A freeze holds no autoscaler: what is frozen has as many pods as are asked for, of the live
// template.
func TestFrozenIsScaled(t *testing.T) {
	t.Parallel()
	s := given(t, `frozen: {reason: incident}`)
	s.SetImage("tomcat=tomcat:8")
	s.Await("it is frozen", reads("Frozen"))
	for _, replicas := range []int{7, 2} {
		s.Kubectl("scale", "rc/tomcat", fmt.Sprintf("--replicas=%d", replicas))
		held := s.Await(fmt.Sprintf("%d pods", replicas), func(m observe.Moment) bool {
			return len(m.Pods) == replicas && m.Available() == replicas && reads("Frozen")(m)
		})
		assert.Len(t, held.WithImage("tomcat:7"), replicas)
	}
}

// A window that is closed holds what has not begun until it opens, with nothing to wake it.
func TestWindow(t *testing.T) {
	t.Parallel()
	window := func(until time.Time) string {
		return fmt.Sprintf(`[{"kind":"Deny","from":"2026-01-01T00:00:00Z","until":%q,"reason":"holidays"}]`, until.UTC().Format(time.RFC3339))
	}
	far := time.Now().Add(time.Hour)
	s := given(t, "windows: "+window(far))
	out := s.SetImage("tomcat=tomcat:8")
	assert.Contains(t, out.Stderr, "holidays, until "+far.UTC().Format(time.RFC3339))
	s.Await("it waits for the window", reads("OutsideWindow"))

	soon := time.Now().Add(5 * time.Second).Truncate(time.Second)
	s.Kubectl("patch", "rolloutpolicy", s.Namespace, "--type=merge", "-p", `{"spec":{"windows":`+window(soon)+`}}`)
	s.AwaitRollout("tomcat:8", 5)
	assert.False(t, time.Now().Before(soon))
}

// What has begun goes on when the windows close, unless they hold it.
func TestOnClose(t *testing.T) {
	t.Parallel()
	const closed = `windows: [{kind: Deny}]`
	for onClose, want := range map[string]string{"Finish": rollout.ReasonComplete, "Hold": "OutsideWindow"} {
		t.Run(onClose, func(t *testing.T) {
			t.Parallel()
			s := harness.Given(t, manifest.Tomcat(t))
			s.SetImage("tomcat=tomcat:8")
			s.AwaitHalfway("tomcat:8")
			policyFor(s, closed+", onClose: "+onClose)
			s.Await("it is "+want, reads(want))
		})
	}
}

// With one at once the second waits for the first, in the order of their requests.
func TestMaxConcurrentRollouts(t *testing.T) {
	t.Parallel()
	s := given(t, `maxConcurrentRollouts: 1`)
	labels := map[string]string{"app": "second"}
	s.Apply(manifest.Tomcat(t, manifest.Named("second"), manifest.Selecting(labels), manifest.PodLabelled(labels)))
	s.SetImage("tomcat=tomcat:8")
	s.Await("it has begun", func(m observe.Moment) bool { return len(m.Owned()) > 0 })
	s.Kubectl("annotate", "--overwrite", "rc/tomcat", api.PausedAnnotation+"=true")
	assert.Contains(t, s.Kubectl("set", "image", "rc/second", "tomcat=tomcat:8").Stderr, "allows 1 at once")
	reason := func() string {
		return s.Kubectl("get", "rc", "second", "-o", `jsonpath={.status.conditions[?(@.type=="Progressing")].reason}`).Stdout
	}
	require.Eventually(t, func() bool { return reason() == "Queued" }, harness.Patience, 100*time.Millisecond)
	s.Kubectl("annotate", "rc/tomcat", api.PausedAnnotation+"-")
	s.Kubectl("wait", "rc/second", "--for=jsonpath={.spec.template.spec.containers[0].image}=tomcat:8", "--timeout=60s")
}

// kubectl rcroll policy explain says which policies there are, and what holds.
func TestExplain(t *testing.T) {
	t.Parallel()
	s := given(t, `frozen: {reason: incident}, defaults: {maxSurge: 2}`)
	out := s.Execute("kubectl-rcroll", "", "policy", "explain", "rc/tomcat")
	require.Zero(t, out.ExitCode, out.Stderr)
	assert.Equal(t, "RolloutPolicy "+s.Namespace+"\n  defaults: max-surge=2\n  frozen: incident\n"+
		"a rolling update does not begin now: RolloutPolicy "+s.Namespace+" holds it: incident\n", out.Stdout)
}

// What policies do not allow is refused in their names.
func TestImagesAndLimits(t *testing.T) {
	t.Parallel()
	s := given(t, `images: {prefixes: [tomcat], rule: "images.all(i, !i.endsWith(':9'))", message: "ask ops"},
		limits: {maxSurge: 2, maxUnavailable: 0, minUpdatePeriod: 1s, maxProgressDeadline: 20m}`)
	s.ExpectUnchanged(func() {
		s.ExpectRefused("does not allow the image jetty:1: it must begin with tomcat: ask ops", "set", "image", "rc/tomcat", "tomcat=jetty:1")
		s.ExpectRefused("its rule is not fulfilled: ask ops", "set", "image", "rc/tomcat", "tomcat=tomcat:9")
		for setting, says := range map[string]string{
			api.MaxSurgeAnnotation + "=3":             "RolloutPolicy " + s.Namespace + " allows: at most 2",
			api.MaxUnavailableAnnotation + "=1":       "at most 0",
			api.UpdatePeriodAnnotation + "=10ms":      "at least 1s",
			api.ProgressDeadlineAnnotation + "=30m0s": "at most 20m",
		} {
			s.ExpectRefused(says, "annotate", "rc/tomcat", setting)
		}
	})
}

// The defaults of a policy are those of a ReplicationController that says nothing.
func TestDefaults(t *testing.T) {
	t.Parallel()
	t.Run("strategy", func(t *testing.T) {
		t.Parallel()
		s := given(t, `defaults: {maxSurge: 100%, onFailure: Rollback, progressDeadline: 5s}`)
		s.SetImage("tomcat=tomcat:bad")
		s.Await("all new pods at once", func(m observe.Moment) bool { return len(m.Owned()) == 1 && m.Owned()[0].Replicas() == 5 })
		s.Await("it was rolled back", reads(rollout.ReasonRolledBack))
	})
	t.Run("trigger", func(t *testing.T) {
		t.Parallel()
		s := given(t, `defaults: {trigger: None}`)
		s.SetImage("tomcat=tomcat:8")
		stored := s.Stored()
		assert.Equal(t, "tomcat:8", stored.Spec.Template.Spec.Containers[0].Image)
		assert.NotContains(t, stored.Annotations, api.RequestAnnotation)
	})
}

// A policy is about what it selects by labels of the ReplicationController.
func TestSelector(t *testing.T) {
	t.Parallel()
	s := given(t, `selector: {matchLabels: {tier: backend}}, frozen: {reason: r}`)
	s.SetImage("tomcat=tomcat:8")
	s.AwaitRollout("tomcat:8", 5)
	s.Kubectl("label", "rc/tomcat", "tier=backend")
	assert.Contains(t, s.SetImage("tomcat=tomcat:7").Stderr, "does not begin now")
}

// Who may override a policy does so for one rollout.
func TestOverride(t *testing.T) {
	t.Parallel()
	s := given(t, `frozen: {reason: r}`)
	s.SetImage("tomcat=tomcat:8")
	s.Await("it is frozen", reads("Frozen"))
	harness.Grant(t, s.Namespace, "alice", harness.RCRule("replicationcontrollers"))
	annotate := []string{"annotate", "rc/tomcat", api.OverrideAnnotation + "=" + s.Namespace}
	s.ExpectRefused("takes the right to the verb override on rolloutpolicies.rcroll.dev/"+s.Namespace, append(annotate, "--as=alice")...)
	s.Kubectl("create", "clusterrole", s.Namespace, "--verb=override", "--resource=rolloutpolicies.rcroll.dev", "--resource-name="+s.Namespace)
	s.Kubectl("create", "clusterrolebinding", s.Namespace, "--clusterrole="+s.Namespace, "--user=alice")
	s.Cleanup(func() { s.TryKubectl("", "delete", "clusterrole,clusterrolebinding", s.Namespace) })
	require.Eventually(t, func() bool { return s.TryKubectl("", append(annotate, "--as=alice")...).ExitCode == 0 }, harness.Patience, 200*time.Millisecond)
	s.AwaitRollout("tomcat:8", 5)
	assert.NotContains(t, s.Stored().Annotations, api.OverrideAnnotation, "it was for one rollout")
	assert.Contains(t, s.Kubectl("get", "events", "--field-selector=reason=PolicyOverridden").Stdout, "alice has overridden RolloutPolicy "+s.Namespace)
	assert.Contains(t, s.Kubectl("get", "controllerrevisions", "-o", `jsonpath={.items[*].metadata.annotations.rcroll\.dev/overridden}`).Stdout, `"by":"alice"`)
}

// The API server refuses what cannot be meant.
func TestInvalid(t *testing.T) {
	t.Parallel()
	s := harness.NewScenario(t, "tomcat")
	for spec, says := range map[string]string{
		`{defaults: {maxSurge: 0}}`:                                                         "maxUnavailable must be more than 0 if maxSurge is 0",
		`{defaults: {maxSurge: lots}}`:                                                      "must be a number of pods from 0 to 1000000",
		`{defaults: {maxUnavailable: 101%}}`:                                                "a percentage from 0% to 100%",
		`{defaults: {updatePeriod: 1w}}`:                                                    "should match",
		`{defaults: {progressDeadline: 1ms}}`:                                               "must be at least 1s",
		`{defaults: {minReadySeconds: 600}}`:                                                "minReadySeconds must be less than progressDeadline",
		`{defaults: {minReadySeconds: 5, progressDeadline: 5s}}`:                            "minReadySeconds must be less than progressDeadline",
		`{defaults: {minReadySeconds: -1}}`:                                                 "greater than or equal to 0",
		`{defaults: {trigger: Env}}`:                                                        `supported values: "Image", "Template", "None"`,
		`{defaults: {steps: []}}`:                                                           "should have at least 1 items",
		`{defaults: {steps: [{}]}}`:                                                         "must have exactly one of replicas, percent and pause",
		`{defaults: {steps: [{replicas: 1, percent: 5}]}}`:                                  "must have exactly one of",
		`{defaults: {steps: [{replicas: -1}]}}`:                                             "greater than or equal to 0",
		`{defaults: {steps: [{percent: 101}]}}`:                                             "less than or equal to 100",
		`{defaults: {steps: [{pause: {duration: 0s}}]}}`:                                    "must be at least 1s",
		`{defaults: {steps: [{pause: {duration: 9999h}}]}}`:                                 "must be at most 8760h",
		`{defaults: {steps: [{replicas: 2}, {pause: {}}, {replicas: 2}]}}`:                  "replicas must increase from step to step",
		`{defaults: {steps: [{percent: 9}, {percent: 10}, {percent: 3}]}}`:                  "percent must increase from step to step",
		`{defaults: {steps: [` + strings.Repeat("{replicas: 1}, ", 50) + `{replicas: 1}]}}`: "must have at most 50 items",
		`{limits: {maxSurge: 0, maxUnavailable: 0}}`:                                        "must not both be 0",
		`{maxConcurrentRollouts: 0}`:                                                        "greater than or equal to 1",
		`{frozen: {}}`:                                                                      "spec.frozen.reason: Required value",
		`{onClose: Hold}`:                                                                   "onClose needs windows",
		`{windows: [{kind: Deny, start: "25:00"}]}`:                                         "should match",
		`{windows: [{kind: Deny, from: "2026-01-01T00:00:00Z"}]}`:                           "from and until belong together",
		`{windows: [{kind: Deny, days: [Mon], from: "2026-01-01T00:00:00Z", until: "2026-01-02T00:00:00Z"}]}`: "a window that does not recur",
		`{windows: [{kind: Deny, from: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z"}]}`:              "from must be before until",
		`{images: {message: m}}`: "needs prefixes or a rule",
	} {
		out := s.TryKubectl(`{apiVersion: rcroll.dev/v1alpha1, kind: RolloutPolicy, metadata: {name: invalid}, spec: `+spec+`}`, "create", "--dry-run=server", "-f", "-")
		assert.NotZero(t, out.ExitCode, spec)
		assert.Contains(t, out.Stderr, says, spec)
	}
}

// The API server accepts all examples.
func TestExamples(t *testing.T) {
	t.Parallel()
	s := harness.NewScenario(t, "tomcat")
	out := s.Kubectl("create", "--dry-run=server", "-f", "../../../examples/policies")
	assert.Equal(t, 6, strings.Count(out.Stdout, "created (server dry run)"), out.Stdout)
}

// What only rcroll can tell is in the status, and counts as denied.
func TestNotAccepted(t *testing.T) {
	t.Parallel()
	s := harness.Given(t, manifest.Tomcat(t))
	s.KubectlWithInput(fmt.Sprintf(`{apiVersion: rcroll.dev/v1alpha1, kind: RolloutPolicy, metadata: {name: %[1]s}, spec: {
		namespaceSelector: {matchLabels: {"kubernetes.io/metadata.name": %[1]s}}, windows: [{kind: Allow, timeZone: Mars/Olympus}]}}`, s.Namespace), "apply", "-f", "-")
	s.Cleanup(func() { s.TryKubectl("", "delete", "rolloutpolicy", s.Namespace) })
	s.Kubectl("wait", "rolloutpolicy/"+s.Namespace, "--for=condition=Accepted=false", "--timeout=30s")
	assert.Contains(t, s.Kubectl("get", "rolloutpolicy", s.Namespace, "-o", "jsonpath={.status.conditions[0].message}").Stdout, "unknown time zone")
	assert.Contains(t, s.SetImage("tomcat=tomcat:8").Stderr, "does not begin now")
	s.Await("it waits", reads("OutsideWindow"))
}

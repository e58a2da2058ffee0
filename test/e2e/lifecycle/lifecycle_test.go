// Package lifecycle tests how rcroll goes: with care, and without. Its tests run one after
// the other, because each of them takes something away for good.
package lifecycle

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
	"github.com/rcroll/rcroll/test/observe"
)

func TestMain(m *testing.M) { harness.Main(m) }

const hashKey = api.DefaultHashLabelKey

// given is a service whose rollouts take their time.
func given(t *testing.T) *harness.Scenario {
	t.Helper()
	return harness.Given(t, manifest.Tomcat(t, manifest.Annotated(api.UpdatePeriodAnnotation, "2s")))
}

// paused is one that is paused in the middle of a rollout.
func paused(t *testing.T) *harness.Scenario {
	t.Helper()
	s := given(t)
	s.SetImage("tomcat=tomcat:8")
	s.AwaitHalfway("tomcat:8")
	s.Pause(1)
	return s
}

// TestDrain: what runs ends, what cannot is cancelled, nothing begins; and then edits
// pass, with nothing of rcroll's left at any ReplicationController.
func TestDrain(t *testing.T) {
	idle, stands := given(t), paused(t)
	fails, rolls := given(t), given(t)
	fails.SetImage("tomcat=tomcat:bad")
	rolls.SetImage("tomcat=tomcat:8")

	// For the next test.
	t.Cleanup(func() { assert.NoError(t, idle.Cluster.Run("up")) })
	idle.KubectlWithInput(hooks(t), "--namespace="+harness.SystemNamespace(), "apply", "-f", "-")
	drained := start(t, rolls.Cluster, "drain", "--patience=30s", "--delete-webhook-configuration=rcroll")
	require.Eventually(t, func() bool {
		refused := idle.TryKubectl("", "set", "image", idle.Ref(), "tomcat=tomcat:8", "--dry-run=server")
		return strings.Contains(refused.Stderr, "rcroll is being uninstalled, and starts no rolling update any more")
	}, harness.Patience, 100*time.Millisecond)
	idle.Kubectl("scale", idle.Ref(), "--replicas=4")
	idle.Await("four pods serve", harness.Serves("tomcat:7", 4))
	require.NoError(t, <-drained)

	rolls.Await("it ended", harness.Serves("tomcat:8", 5))
	for _, s := range []*harness.Scenario{stands, fails} {
		s.Await("it was cancelled", harness.Serves("tomcat:7", 5))
	}
	for _, s := range []*harness.Scenario{idle, stands, fails, rolls} {
		assertClean(s)
		s.SetImage("tomcat=tomcat:9")
		assert.Equal(t, "tomcat:9", s.Stored().Spec.Template.Spec.Containers[0].Image)
	}
	_, err := idle.Cluster.Client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Get(t.Context(), "rcroll-drain", metav1.GetOptions{})
	assert.True(t, apierrors.IsNotFound(err), "%v", err)
}

// assertClean: there is one ReplicationController, and rcroll left nothing at it. Of its
// keys those stay that the user has set.
func assertClean(s *harness.Scenario) {
	s.Helper()
	rcs, err := s.RCs().List(context.Background(), metav1.ListOptions{})
	require.NoError(s, err)
	require.Len(s, rcs.Items, 1)
	rc := rcs.Items[0]
	for key := range rc.Annotations {
		assert.True(s, key == api.UpdatePeriodAnnotation || !strings.HasPrefix(key, api.Prefix), key)
	}
	for _, labels := range []map[string]string{rc.Labels, rc.Spec.Selector, rc.Spec.Template.Labels} {
		for key := range labels {
			assert.False(s, strings.HasPrefix(key, api.Prefix), key)
		}
	}
}

// hooks are what the Helm chart applies before it is uninstalled. (Its Job's pod is a
// simulated one, which does nothing.)
func hooks(t *testing.T) string {
	t.Helper()
	command := exec.CommandContext(harness.Context(t), "go", "run", "./render", "-hooks", "-namespace="+harness.SystemNamespace())
	command.Dir = "../../helm"
	rendered, err := command.Output()
	require.NoError(t, err)
	return string(rendered)
}

// start runs the agent's executable with the permissions of the chart's Job, and tells how
// it ended.
func start(t *testing.T, cluster *harness.ControlPlane, args ...string) <-chan error {
	t.Helper()
	kubeconfig, err := clientcmd.LoadFromFile(cluster.Kubeconfig())
	require.NoError(t, err)
	for _, user := range kubeconfig.AuthInfos {
		user.Impersonate = harness.Account("rcroll-drain")
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(*kubeconfig, file))
	command := exec.CommandContext(harness.Context(t), cluster.Program(harness.Agent), append(args, "--kubeconfig="+file)...)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	require.NoError(t, command.Start())
	done := make(chan error, 1)
	go func() {
		err := command.Wait()
		t.Logf("%s\n%s", strings.Join(command.Args, " "), &output)
		done <- err
	}()
	return done
}

// awaitWebhook returns when edits are reviewed again.
func awaitWebhook(t *testing.T) {
	s := given(t)
	require.Eventually(t, func() bool {
		out := s.TryKubectl("", "set", "image", s.Ref(), "tomcat=tomcat:8", "--dry-run=server")
		return strings.Contains(out.Stderr, "rolling update to tomcat:8 requested")
	}, harness.Patience, 100*time.Millisecond)
}

// TestRepair: what rcroll left in the middle of a rollout, and has no webhook, no agent and
// no policies any more, is made whole by the commands of docs/operations.md.
func TestRepair(t *testing.T) {
	awaitWebhook(t)
	halfway, sealed, orphaned, adopting := paused(t), paused(t), paused(t), paused(t)
	abandon(halfway)
	for _, s := range []*harness.Scenario{sealed, orphaned, adopting} {
		s.Kubectl("scale", "rc/"+s.Now().Owned()[0].Name, "--replicas=5")
		s.Kubectl("scale", s.Ref(), "--replicas=0")
		s.Await("the new pods serve", func(m observe.Moment) bool {
			return len(m.Pods) == 5 && !slices.ContainsFunc(m.Pods, func(pod observe.Pod) bool { return pod.Image != "tomcat:8" })
		})
		seal(s)
	}
	for _, s := range []*harness.Scenario{orphaned, adopting} {
		s.Kubectl("delete", "rc/"+s.Now().Owned()[0].Name, "--cascade=orphan")
	}
	adopt(adopting)

	for s, image := range map[*harness.Scenario]string{halfway: "tomcat:7", sealed: "tomcat:8", orphaned: "tomcat:8", adopting: "tomcat:8"} {
		section := "In the middle of a promotion"
		if s == halfway {
			section = "Before the promotion"
		}
		follow(s, section)
		s.Await("it is whole", harness.Serves(image, 5))
		assertClean(s)
		pods, err := s.Cluster.Client.CoreV1().Pods(s.Namespace).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, pod := range pods.Items {
			assert.NotContains(t, pod.Labels, api.SuccessorLabel)
			assert.True(t, metav1.IsControlledBy(&pod, s.Stored()))
		}
	}
}

// abandon removes all that is rcroll's and guards anything.
func abandon(s *harness.Scenario) {
	for _, component := range []string{harness.Agent, harness.Webhook} {
		require.NoError(s, s.Cluster.Run("stop", component))
	}
	kinds := "mutatingwebhookconfigurations,validatingadmissionpolicybindings,validatingadmissionpolicies"
	if harness.ServerMinor(s.T, s.Cluster.Config) >= 36 {
		kinds += ",mutatingadmissionpolicybindings,mutatingadmissionpolicies"
	}
	s.Kubectl("delete", kinds, "-l", "app.kubernetes.io/part-of=rcroll")
	require.Eventually(s, func() bool {
		return s.TryKubectl("", "label", "rc", s.Now().Owned()[0].Name, "rcroll.dev/rolling-", "--dry-run=server").ExitCode == 0
	}, harness.Patience, 100*time.Millisecond, "policies are in force no more")
}

// seal does what the command Seal does, and adopt what Adopt does.
func seal(s *harness.Scenario) {
	request, err := api.ParseSpec(s.Stored().Annotations[api.RequestAnnotation])
	require.NoError(s, err)
	replaceSpec(s, request.Sealed(hashKey))
}

func adopt(s *harness.Scenario) {
	request, err := api.ParseSpec(s.Stored().Annotations[api.RequestAnnotation])
	require.NoError(s, err)
	replaceSpec(s, request.Hashed(hashKey).Labelled(nil, map[string]string{api.AdoptingLabel: request.Hash(hashKey)}))
}

func replaceSpec(s *harness.Scenario, spec api.Spec) {
	s.Kubectl("patch", s.Ref(), "--type=json", "-p", `[{"op":"replace","path":"/spec","value":`+spec.String()+`}]`)
}

// follow runs the commands of a section of the document.
func follow(s *harness.Scenario, section string) {
	document, err := os.ReadFile("../../../docs/operations.md")
	require.NoError(s, err)
	_, text, found := strings.Cut(string(document), "### "+section+"\n")
	require.True(s, found)
	text, _, _ = strings.Cut(text, "\n#")
	request, err := api.ParseSpec(s.Stored().Annotations[api.RequestAnnotation])
	require.NoError(s, err)
	script := "kubectl() { " + s.Cluster.Program("kubectl") + " -n " + s.Namespace + ` "$@"; }` + "\n"
	commands := 0
	for _, line := range strings.Split(text, "\n") {
		if command, isCommand := strings.CutPrefix(line, "    "); isCommand {
			script += strings.ReplaceAll(command, "<hash>", request.Hash(hashKey)) + "\n"
			commands++
		}
	}
	require.Positive(s, commands)
	command := exec.CommandContext(s.Context(), "bash", "-euc", script)
	command.Env = append(os.Environ(), "KUBECONFIG="+s.Cluster.Kubeconfig())
	output, err := command.CombinedOutput()
	s.Logf("%s%s", script, output)
	require.NoError(s, err)
}

package policies

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

const (
	agentPolicy         = "rcroll-agent"
	agentPodsPolicy     = "rcroll-agent-pods"
	webhookPolicy       = "rcroll-webhook"
	configurationPolicy = "rcroll-webhook-configuration"
)

var dryRun = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

// rcsAs is the client of the agent or the webhook.
func rcsAs(t *testing.T, component, namespace string) clientv1.ReplicationControllerInterface {
	return client(t, config(t, component)).CoreV1().ReplicationControllers(namespace)
}

// With the agent's token nobody runs pods that no rollout has.
func TestAgentCreatesOnlyForARollout(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	owner := create(t, ns, harness.NewRC("tomcat"))
	inKubeSystem := owner.DeepCopy()
	refused := map[string]struct {
		namespace string
		rc        *corev1.ReplicationController
		says      string
	}{
		"a privileged one in kube-system":     {metav1.NamespaceSystem, harness.NewRC("thief", harness.Privileged), "only where the webhook is called for them"},
		"one that looks right in kube-system": {metav1.NamespaceSystem, harness.NewRC("thief", sealedFor(inKubeSystem)), "only where the webhook is called for them"},
		"one in a namespace that opted out":   {namespace(t, map[string]string{api.EnabledKey: "false"}), harness.NewRC("thief", sealedFor(owner)), "only where the webhook is called for them"},
		"a privileged one":                    {ns, harness.NewRC("thief", harness.Privileged), "as their only owner and controller"},
	}
	for name, c := range refused {
		t.Run(name, func(t *testing.T) {
			_, err := rcsAs(t, harness.Agent, c.namespace).Create(t.Context(), c.rc, dryRun)
			expectForbidden(t, err, agentPolicy, c.says)
		})
	}
	_, err := rcsAs(t, harness.Agent, ns).Create(t.Context(), harness.NewRC("thief", sealedFor(owner)), dryRun)
	assert.True(t, apierrors.IsConflict(err), "one of what is not rolling: %v", err)
}

// Of a rollout, the agent's token creates and runs what its owner asks for, and nothing else.
func TestAgentRunsWhatIsRequested(t *testing.T) {
	t.Parallel()
	s := harness.Given(t, tomcat(t))
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"=true")
	s.SetImage("tomcat=tomcat:8")
	s.AwaitPause(0)
	rcs := rcsAs(t, harness.Agent, s.Namespace)
	owner := s.Stored()
	request, err := api.ParseSpec(owner.Annotations[api.RequestAnnotation])
	require.NoError(t, err)
	requested := typed(t, api.SealedNewRC(owner, request, api.DefaultHashLabelKey))

	held := requested.DeepCopy()
	held.Finalizers = []string{"example.com/hold"}
	_, err = rcs.Create(t.Context(), held, dryRun)
	expectForbidden(t, err, agentPolicy, "with no finalizer")
	renamed := requested.DeepCopy()
	renamed.Name = "tomcat-" + hash
	_, err = rcs.Create(t.Context(), renamed, dryRun)
	assert.ErrorContains(t, err, "the agent creates what rc/tomcat asks for and nothing else")

	wanted := requested.DeepCopy()
	harness.Privileged(wanted)
	delete(wanted.Spec.Selector, api.SealedLabel)
	created, err := rcs.Create(t.Context(), wanted, metav1.CreateOptions{})
	require.NoError(t, err)
	assert.Equal(t, requested.Spec, created.Spec)
	assert.NotContains(t, created.Annotations, api.OwnerVersionAnnotation)

	for what, patch := range map[string]string{
		"another image":      `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"thief:1"}]}}}}`,
		"the host":           `{"spec":{"template":{"spec":{"hostPID":true}}}}`,
		"opened, the host":   `{"spec":{"selector":{"rcroll.dev/sealed":null},"template":{"metadata":{"labels":{"rcroll.dev/sealed":null}},"spec":{"hostPID":true}}}}`,
		"whose its pods are": `{"spec":{"template":{"metadata":{"labels":{"rcroll.dev/successor":"thief"}}}}}`,
	} {
		patched, err := rcs.Patch(t.Context(), created.Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{DryRun: dryRun.DryRun})
		if assert.NoError(t, err, what) {
			assert.Equal(t, requested.Spec.Template.Spec, patched.Spec.Template.Spec, what)
			assert.Equal(t, requested.Spec.Template.Labels[api.SuccessorLabel], patched.Spec.Template.Labels[api.SuccessorLabel], what)
		}
	}
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"-")
	s.AwaitRollout("tomcat:8", 5)
}

func typed(t *testing.T, object *unstructured.Unstructured) *corev1.ReplicationController {
	rc := &corev1.ReplicationController{}
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, rc))
	return rc
}

// Of what is there, the agent deletes and changes only what it made.
func TestAgentChangesOnlyWhatItMade(t *testing.T) {
	t.Parallel()
	s := pausedHalfway(t)
	ns, made := s.Namespace, s.Now().Owned()[0]
	rcs := rcsAs(t, harness.Agent, ns)
	create(t, ns, harness.NewRC("idle"))
	inKubeSystem := create(t, metav1.NamespaceSystem, harness.NewRC("system-"+ns))
	t.Cleanup(func() { deleteRC(t, metav1.NamespaceSystem, inKubeSystem.Name) })

	expectForbidden(t, rcs.Delete(t.Context(), "tomcat", metav1.DeleteOptions{}), agentPolicy, "deletes only")
	expectForbidden(t, rcsAs(t, harness.Agent, metav1.NamespaceSystem).Delete(t.Context(), inKubeSystem.Name, metav1.DeleteOptions{}), agentPolicy, "deletes only")

	for what, c := range map[string]struct{ namespace, name, patch, says string }{
		"the spec in kube-system":   {metav1.NamespaceSystem, inKubeSystem.Name, imagePatch, "changes no ReplicationController but through the webhook"},
		"an owner":                  {ns, "idle", `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"a","uid":"1"}]}}`, "begins no rolling update"},
		"its selector":              {ns, made.Name, `{"spec":{"selector":{"app":null}}}`, "neither the selector nor the owner"},
		"the label of what it made": {ns, made.Name, `{"metadata":{"labels":{"rcroll.dev/rolling":null}}}`, "neither the selector nor the owner"},
	} {
		_, err := rcsAs(t, harness.Agent, c.namespace).Patch(t.Context(), c.name, types.StrategicMergePatchType, []byte(c.patch), metav1.PatchOptions{})
		t.Run(what, func(t *testing.T) { expectForbidden(t, err, agentPolicy, c.says) })
	}
	_, err := rcs.Patch(t.Context(), made.Name, types.MergePatchType, []byte(`{"metadata":{"ownerReferences":null}}`), metav1.PatchOptions{})
	assert.True(t, apierrors.IsForbidden(err), "an owner, by the policy about owners, too")
	for what, begun := range map[string]string{
		"a request":         `{"metadata":{"annotations":{"rcroll.dev/request":"{}"}}}`,
		"the rolling label": `{"metadata":{"labels":{"rcroll.dev/rolling":"true"}}}`,
	} {
		_, err := rcs.Patch(t.Context(), "idle", types.StrategicMergePatchType, []byte(begun), metav1.PatchOptions{})
		t.Run(what, func(t *testing.T) {
			assert.ErrorContains(t, err, "the agent changes the request of a rolling update by commands only", "the webhook is asked first")
		})
	}
	_, err = rcs.Patch(t.Context(), "tomcat", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{}, "status")
	expectForbidden(t, err, agentPolicy, "nothing through the status")
	err = rcs.Delete(t.Context(), made.Name, metav1.DeleteOptions{DryRun: dryRun.DryRun})
	assert.NoError(t, err, "what the agent does")
}

func deleteRC(t *testing.T, namespace, name string) {
	assert.NoError(t, harness.Cluster(t).Client.CoreV1().ReplicationControllers(namespace).Delete(context.Background(), name, metav1.DeleteOptions{}))
}

// With the webhook's token nobody creates, scales or changes anything for good.
func TestWebhookWritesOnlyOnTrial(t *testing.T) {
	t.Parallel()
	ns := namespace(t, nil)
	create(t, ns, harness.NewRC("tomcat"))
	rcs := rcsAs(t, harness.Webhook, ns)
	_, err := rcs.Create(t.Context(), harness.NewRC("thief"), dryRun)
	require.NoError(t, err, "what the webhook does")

	for _, namespace := range []string{ns, metav1.NamespaceSystem} {
		_, err = rcsAs(t, harness.Webhook, namespace).Create(t.Context(), harness.NewRC("thief", harness.Privileged), metav1.CreateOptions{})
		expectForbidden(t, err, webhookPolicy, "only as a dry run")
	}
	for what, c := range map[string]struct{ patch, says string }{
		"the image": {imagePatch, "changes only annotations"},
		"replicas":  {scalePatch, "changes only annotations"},
		"a label":   {`{"metadata":{"labels":{"rcroll.dev/rolling":"true"}}}`, "changes only annotations"},
		"a request": {`{"metadata":{"annotations":{"rcroll.dev/request":"{\"replicas\":0,\"template\":{}}"}}}`, "only the replicas of a request"},
		"a command": {`{"metadata":{"annotations":{"rcroll.dev/command":"{}"}}}`, "of rcroll's annotations only"},
		"a setting": {`{"metadata":{"annotations":{"rcroll.dev/paused":"true"}}}`, "of rcroll's annotations only"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := rcs.Patch(t.Context(), "tomcat", types.StrategicMergePatchType, []byte(c.patch), metav1.PatchOptions{})
			expectForbidden(t, err, webhookPolicy, c.says)
		})
	}
	scale := func(options metav1.PatchOptions) error {
		_, err := rcs.Patch(t.Context(), "tomcat", types.MergePatchType, []byte(scalePatch), options, "scale")
		return err
	}
	expectForbidden(t, scale(metav1.PatchOptions{}), webhookPolicy, "only as a dry run")
	assert.NoError(t, scale(metav1.PatchOptions{DryRun: dryRun.DryRun}), "what the webhook does")
	_, err = rcs.UpdateScale(t.Context(), "tomcat", scaleTo("tomcat", ns, 3), metav1.UpdateOptions{DryRun: dryRun.DryRun})
	assert.True(t, apierrors.IsForbidden(err), "it has no use for that")
	assert.True(t, apierrors.IsForbidden(rcs.Delete(t.Context(), "tomcat", metav1.DeleteOptions{})))
}

// In a rollout the webhook records how many replicas are wanted, and nothing else.
func TestWebhookRecordsReplicasOnly(t *testing.T) {
	t.Parallel()
	s := harness.Given(t, tomcat(t))
	s.Kubectl("annotate", s.Ref(), api.PausedAnnotation+"=true")
	s.SetImage("tomcat=tomcat:8")
	rcs := rcsAs(t, harness.Webhook, s.Namespace)
	request, err := api.ParseSpec(s.Stored().Annotations[api.RequestAnnotation])
	require.NoError(t, err)
	record := func(edit func(api.Spec)) error {
		edited := request.DeepCopy()
		edit(edited)
		patch := map[string]any{"metadata": map[string]any{"annotations": map[string]any{api.RequestAnnotation: edited.String()}}}
		_, err = rcs.Patch(t.Context(), "tomcat", types.MergePatchType, jsonOf(t, patch), metav1.PatchOptions{})
		return err
	}
	require.NoError(t, record(func(request api.Spec) { request["replicas"] = int64(7) }))
	err = record(func(request api.Spec) { request["template"] = map[string]any{} })
	expectForbidden(t, err, webhookPolicy, "only the replicas of a request")
	err = record(func(request api.Spec) { request["selector"] = map[string]any{"a": "b"} })
	expectForbidden(t, err, webhookPolicy, "only the replicas of a request")
}

// The webhook keeps the caBundle of its configuration, and cannot make the API server
// send it anything else.
func TestWebhookRewritesNoConfiguration(t *testing.T) {
	t.Parallel()
	configurations := client(t, config(t, harness.Webhook)).AdmissionregistrationV1().MutatingWebhookConfigurations()
	current, err := harness.Cluster(t).Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), "rcroll", metav1.GetOptions{})
	require.NoError(t, err)
	for what, edit := range map[string]func(*admissionregistrationv1.MutatingWebhookConfiguration){
		"secrets": func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].Rules = append(c.Webhooks[0].Rules, secrets)
		},
		"the namespaces": func(c *admissionregistrationv1.MutatingWebhookConfiguration) { c.Webhooks[0].NamespaceSelector = nil },
		"the conditions": func(c *admissionregistrationv1.MutatingWebhookConfiguration) { c.Webhooks[0].MatchConditions = nil },
		"the failure policy": func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[0].FailurePolicy = ptr.To(admissionregistrationv1.Ignore)
		},
		"another address": func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			c.Webhooks[1].ClientConfig.URL = ptr.To("https://thief.example.com/")
		},
		"one entry less": func(c *admissionregistrationv1.MutatingWebhookConfiguration) { c.Webhooks = c.Webhooks[:1] },
		"one entry more": func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			more := c.Webhooks[0].DeepCopy()
			more.Name, more.Rules = "thief.rcroll.dev", []admissionregistrationv1.RuleWithOperations{secrets}
			c.Webhooks = append(c.Webhooks, *more)
		},
	} {
		t.Run(what, func(t *testing.T) {
			edited := current.DeepCopy()
			edit(edited)
			patch := jsonOf(t, map[string]any{"webhooks": edited.Webhooks})
			_, err := configurations.Patch(t.Context(), "rcroll", types.MergePatchType, patch, metav1.PatchOptions{DryRun: dryRun.DryRun})
			expectForbidden(t, err, configurationPolicy, "nothing of a webhook configuration but the caBundle")
		})
	}
	edited := current.DeepCopy()
	for i := range edited.Webhooks {
		edited.Webhooks[i].ClientConfig.CABundle = append(edited.Webhooks[i].ClientConfig.CABundle, '\n')
	}
	patch := jsonOf(t, map[string]any{"webhooks": edited.Webhooks})
	_, err = configurations.Patch(t.Context(), "rcroll", types.MergePatchType, patch, metav1.PatchOptions{DryRun: dryRun.DryRun})
	assert.NoError(t, err, "what the webhook does")
}

var secrets = admissionregistrationv1.RuleWithOperations{
	Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
	Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
}

// With the agent's token nobody changes a pod, but for whose a finished one is that was
// made for that ReplicationController.
func TestAgentAdoptsOnlyFinishedPods(t *testing.T) {
	t.Parallel()
	s := pausedHalfway(t)
	pods := client(t, config(t, harness.Agent)).CoreV1().Pods(s.Namespace)
	uid := string(s.Stored().UID)
	owned := func(uid string) string {
		return `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ReplicationController","name":"tomcat","uid":"` + uid + `","controller":true}]}}`
	}
	try := func(name, patch string) error {
		_, err := pods.Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: dryRun.DryRun})
		return err
	}
	admin := harness.Cluster(t).Client.CoreV1().Pods(s.Namespace)
	finished, running := s.Now().WithImage("tomcat:8")[0].Name, s.Now().WithImage("tomcat:7")[0].Name
	for _, patch := range []string{owned(uid), `{"metadata":{"labels":{"a":"b"}}}`, `{"spec":{"activeDeadlineSeconds":1}}`} {
		expectForbidden(t, try(running, patch), agentPodsPolicy, "changes nothing of pods")
	}
	expectForbidden(t, try(finished, owned(uid)), agentPodsPolicy, "finished ones that nobody controls")

	_, err := admin.Patch(t.Context(), finished, types.StrategicMergePatchType, []byte(`{"status":{"phase":"Failed"}}`), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
	expectForbidden(t, try(finished, owned(uid)), agentPodsPolicy, "finished ones that nobody controls")
	_, err = admin.Patch(t.Context(), finished, types.MergePatchType, []byte(`{"metadata":{"ownerReferences":null}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	assert.True(t, apierrors.IsForbidden(try(finished, owned("somebody-else"))), "by the policy about the hand-over, too")
	more := strings.Replace(owned(uid), `"metadata":{`, `"metadata":{"finalizers":["example.com/hold"],`, 1)
	expectForbidden(t, try(finished, more), agentPodsPolicy, "changes nothing of pods but their owner")
	assert.NoError(t, try(finished, owned(uid)), "what the agent does")
	assert.True(t, apierrors.IsForbidden(pods.Delete(t.Context(), running, metav1.DeleteOptions{})))
}

package security

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

func tokenRequest() *authenticationv1.TokenRequest {
	return &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](600)}}
}

// withGroup is for the core group.
func withGroup(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.GroupVersion, config.APIPath = &corev1.SchemeGroupVersion, "/api"
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	return config
}

// patchWith edits a ReplicationController's template with another configuration.
func (s *stage) patchWith(config *rest.Config, name string) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	_, err = client.CoreV1().ReplicationControllers(s.Namespace).Patch(s.Context(), name, types.StrategicMergePatchType,
		[]byte(`{"spec":{"template":{"spec":{"hostPID":true}}}}`), metav1.PatchOptions{})
	return err
}

// createIn creates as the thief.
func createIn(namespace func(*stage) string, edits ...func(*stage) func(*corev1.ReplicationController)) func(*stage) error {
	return func(s *stage) error {
		rc := harness.NewRC("thief")
		for _, edit := range edits {
			edit(s)(rc)
		}
		_, err := s.client.CoreV1().ReplicationControllers(namespace(s)).Create(s.Context(), rc, metav1.CreateOptions{})
		return err
	}
}

func here(s *stage) string           { return s.Namespace }
func out(s *stage) string            { return s.optedOut }
func kubeSystem(*stage) string       { return metav1.NamespaceSystem }
func system(namespace *stage) string { return harness.SystemNamespace() }

func plain(edit func(*corev1.ReplicationController)) func(*stage) func(*corev1.ReplicationController) {
	return func(*stage) func(*corev1.ReplicationController) { return edit }
}

// likeNew has all the marks of a new ReplicationController.
func likeNew(s *stage) func(*corev1.ReplicationController) { return sealedFor(s.stored(rolling)) }

// applied creates by a server-side apply.
func applied(namespace func(*stage) string) func(*stage) error {
	return func(s *stage) error {
		_, err := s.client.CoreV1().ReplicationControllers(namespace(s)).Patch(s.Context(), "thief", types.ApplyPatchType,
			[]byte(encode(harness.NewRC("thief", harness.Privileged))), metav1.PatchOptions{FieldManager: "rcroll-agent", Force: ptr.To(true)})
		return err
	}
}

// anyToken are attempts that both tokens must fail at.
func anyToken(who actor) []attempt {
	return []attempt{
		{"S7", who, "a privileged ReplicationController in kube-system", refused, createIn(kubeSystem, plain(harness.Privileged))},
		{"S7", who, "one in rcroll-system", refused, createIn(system, plain(harness.Privileged))},
		{"S7", who, "one by a server-side apply in kube-system", refused, applied(kubeSystem)},
		{"S7", who, "one by a server-side apply", refused, applied(here)},
		{"S7", who, "one with a generated name", refused, createIn(here, plain(harness.Privileged), plain(generated))},
		{"S7", who, "the privileged template of what is idle", refused, func(s *stage) error { return s.patchWith(s.config, idle) }},
		{"S7", who, "the privileged template of what is rolling", refused, func(s *stage) error { return s.patchWith(s.config, rolling) }},
		{"S7", who, "an idle ReplicationController deleted", refused, func(s *stage) error { return s.rcs().Delete(s.Context(), idle, metav1.DeleteOptions{}) }},
		{"S7", who, "all of them deleted", refused, func(s *stage) error {
			return s.rcs().DeleteCollection(s.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})
		}},
		{"S7", who, "replicas of what is idle", refused, func(s *stage) error {
			return s.patch(idle, types.MergePatchType, `{"spec":{"replicas":9}}`, "scale")
		}},
		{"S5", who, "labels through the status", refused, onStatus(idle, reserved()[1])},
		{"S5", who, "the numbers of the status", refused, func(s *stage) error {
			return s.patch(idle, types.MergePatchType, `{"status":{"availableReplicas":7,"readyReplicas":7,"replicas":7}}`, "status")
		}},
		{"S5", who, "a request on what is idle", refused, func(s *stage) error {
			return s.patch(idle, types.MergePatchType, reserved()[0].as(types.MergePatchType))
		}},
		{"S7", who, "what kubectl applied last: the next apply would take from the live object what it does not say", refused, func(s *stage) error {
			return s.patch(idle, types.MergePatchType, entry{annotations, corev1.LastAppliedConfigAnnotation,
				`{"spec":{"template":{"spec":{"securityContext":{"runAsNonRoot":true}}}}}`}.as(types.MergePatchType))
		}},
		{"S16", who, "an owner of what is idle", refused, func(s *stage) error {
			return s.patch(idle, types.MergePatchType, `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"owner","uid":"1"}]}}`)
		}},
		{"S9", who, "a finalizer on what is idle", refused, func(s *stage) error {
			return s.patch(idle, types.MergePatchType, `{"metadata":{"finalizers":["example.com/hold"]}}`)
		}},
		{"S7", who, "a pod", refused, func(s *stage) error {
			_, err := s.client.CoreV1().Pods(s.Namespace).Create(s.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "thief"},
				Spec: harness.NewRC("thief", harness.Privileged).Spec.Template.Spec}, metav1.CreateOptions{})
			return err
		}},
		{"S7", who, "a pod's containers", refused, func(s *stage) error {
			_, err := s.client.CoreV1().Pods(s.Namespace).Patch(s.Context(), s.Now().Pods[0].Name, types.StrategicMergePatchType,
				[]byte(`{"spec":{"containers":[{"name":"tomcat","image":"thief"}]}}`), metav1.PatchOptions{})
			return err
		}},
		{"S2", who, "the Secrets of the namespace", refused, func(s *stage) error {
			_, err := s.client.CoreV1().Secrets(s.Namespace).List(s.Context(), metav1.ListOptions{})
			return err
		}},
		{"S2", who, "the Secrets of rcroll-system", refused, func(s *stage) error {
			_, err := s.client.CoreV1().Secrets(harness.SystemNamespace()).List(s.Context(), metav1.ListOptions{})
			return err
		}},
		{"S7", who, "a token of the agent", refused, func(s *stage) error { return s.tokenOf("rcroll-agent") }},
		{"S7", who, "a token of the webhook", refused, func(s *stage) error { return s.tokenOf("rcroll-webhook") }},
		{"S7", who, "a role of the cluster", refused, func(s *stage) error {
			_, err := s.client.RbacV1().ClusterRoles().Patch(s.Context(), "rcroll-agent", types.MergePatchType, []byte(`{"rules":[]}`), metav1.PatchOptions{})
			return err
		}},
		{"S7", who, "a binding to cluster-admin", refused, func(s *stage) error {
			_, err := s.client.RbacV1().ClusterRoleBindings().Create(s.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "thief"},
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"}}, metav1.CreateOptions{})
			return err
		}},
		{"S7", who, "its own fence taken away", refused, func(s *stage) error {
			return s.client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Delete(s.Context(), "rcroll-agent", metav1.DeleteOptions{})
		}},
		{"S7", who, "the webhook configuration taken away", refused, func(s *stage) error {
			return s.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(s.Context(), "rcroll", metav1.DeleteOptions{})
		}},
		{"S7", who, "to be of system:masters", refused, func(s *stage) error {
			return s.patchAs(rest.ImpersonationConfig{UserName: "admin", Groups: []string{"system:masters"}})
		}},
	}
}

// patchAs writes in somebody's name.
func (s *stage) patchAs(identity rest.ImpersonationConfig) error {
	config := rest.CopyConfig(s.config)
	config.Impersonate = identity
	return s.patchWith(config, rolling)
}

func agentAttempts() []attempt {
	agent := func(what string, try func(*stage) error) attempt {
		return attempt{"S7", agentThief, what, refused, try}
	}
	return append(anyToken(agentThief),
		agent("a ReplicationController that looks new, with pods", createIn(here, likeNew, plain(harness.Privileged))),
		agent("one that looks new, in a namespace that opted out", createIn(out, likeNew)),
		agent("one that looks new, in kube-system", createIn(kubeSystem, likeNew)),
		agent("one that looks new, with a name that is generated", createIn(here, likeNew, plain(generated))),
		agent("one that looks new, with two owners", createIn(here, likeNew, plain(func(rc *corev1.ReplicationController) {
			rc.OwnerReferences = append(rc.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "1"})
		}))),
		agent("one that looks new, owned but not controlled", createIn(here, likeNew, plain(func(rc *corev1.ReplicationController) {
			rc.OwnerReferences[0].Controller = ptr.To(false)
		}))),
		agent("one that looks new, without the label", createIn(here, likeNew, plain(func(rc *corev1.ReplicationController) { rc.Labels = nil }))),
		agent("the numbers of the new ReplicationController's status", func(s *stage) error {
			return s.patch(s.owned, types.MergePatchType, `{"status":{"availableReplicas":0,"readyReplicas":0}}`, "status")
		}),
		agent("a generation that is yet to be observed", func(s *stage) error {
			return s.patch(rolling, types.MergePatchType, `{"status":{"observedGeneration":1000000}}`, "status")
		}),
		agent("a command for another template", func(s *stage) error {
			return s.patch(rolling, types.MergePatchType, entry{annotations, api.CommandAnnotation, api.Command{Operation: api.Scale, Hash: hash}.String()}.as(types.MergePatchType))
		}),
		agent("a command with replicas below 0", func(s *stage) error {
			return s.patch(rolling, types.MergePatchType, entry{annotations, api.CommandAnnotation, api.Command{Operation: api.Scale, Hash: hash, Replicas: -1}.String()}.as(types.MergePatchType))
		}),
		agent("another request in the middle of a rolling update", func(s *stage) error {
			return s.patch(rolling, types.MergePatchType, reserved()[0].as(types.MergePatchType))
		}),
		agent("in somebody's name", func(s *stage) error { return s.patchAs(rest.ImpersonationConfig{UserName: "jane"}) }),
		agent("in the webhook's name", func(s *stage) error {
			return s.patchAs(rest.ImpersonationConfig{UserName: harness.Account("rcroll-webhook")})
		}),
		agent("an owner for a pod that runs", func(s *stage) error {
			_, err := s.client.CoreV1().Pods(s.Namespace).Patch(s.Context(), s.Now().Pods[0].Name, types.MergePatchType,
				[]byte(`{"metadata":{"ownerReferences":null}}`), metav1.PatchOptions{})
			return err
		}),
		agent("the Lease of another component", func(s *stage) error {
			_, err := s.client.CoordinationV1().Leases("kube-system").Get(s.Context(), "kube-controller-manager", metav1.GetOptions{})
			return err
		}))
}

func webhookAttempts() []attempt {
	webhook := func(what string, try func(*stage) error) attempt {
		return attempt{"S7", webhookThief, what, refused, try}
	}
	jane := rest.ImpersonationConfig{UserName: "jane", Groups: []string{"system:authenticated"}}
	as := func(s *stage, identity rest.ImpersonationConfig) kubernetes.Interface {
		config := rest.CopyConfig(s.config)
		config.Impersonate = identity
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			s.Fatal(err)
		}
		return client
	}
	return append(anyToken(webhookThief),
		webhook("the request of a rolling update, for another template", func(s *stage) error {
			return s.patch(rolling, types.MergePatchType, reserved()[0].as(types.MergePatchType))
		}),
		webhook("the request of a rolling update, by a forced server-side apply", func(s *stage) error {
			return s.patch(rolling, types.ApplyPatchType, reserved()[0].as(types.ApplyPatchType))
		}),
		webhook("the end of a rolling update", func(s *stage) error {
			return s.patch(rolling, types.MergePatchType, `{"metadata":{"annotations":{"rcroll.dev/request":null},"labels":{"rcroll.dev/rolling":null}}}`)
		}),
		webhook("a note on what is idle", func(s *stage) error {
			return s.patch(idle, types.MergePatchType, entry{annotations, "note", "mine"}.as(types.MergePatchType))
		}),
		webhook("what kubectl applied last, of what is rolling", func(s *stage) error {
			return s.patch(rolling, types.MergePatchType, entry{annotations, corev1.LastAppliedConfigAnnotation, `{}`}.as(types.MergePatchType))
		}),
		webhook("the Secret of a ServiceAccount's token, for itself", func(s *stage) error {
			secret := &corev1.Secret{Type: corev1.SecretTypeServiceAccountToken, ObjectMeta: metav1.ObjectMeta{
				GenerateName: "thief-", Annotations: map[string]string{corev1.ServiceAccountNameKey: "rcroll-agent"}}}
			made, err := s.client.CoreV1().Secrets(harness.SystemNamespace()).Create(s.Context(), secret, metav1.CreateOptions{})
			if err == nil {
				_ = s.Cluster.Client.CoreV1().Secrets(harness.SystemNamespace()).Delete(context.Background(), made.Name, metav1.DeleteOptions{})
			}
			return err
		}),
		webhook("in the name of who may not", func(s *stage) error { return s.patchAs(jane) }),
		webhook("in the name of a node", func(s *stage) error { return s.patchAs(rest.ImpersonationConfig{UserName: "system:node:cent1"}) }),
		webhook("the Secrets in the name of another", func(s *stage) error {
			_, err := as(s, rest.ImpersonationConfig{UserName: "system:serviceaccount:kube-system:generic-garbage-collector"}).
				CoreV1().Secrets(s.Namespace).List(s.Context(), metav1.ListOptions{})
			return err
		}),
		webhook("pods in the name of another", func(s *stage) error {
			_, err := as(s, rest.ImpersonationConfig{UserName: "system:serviceaccount:kube-system:replication-controller"}).
				CoreV1().Pods(s.Namespace).Create(s.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "thief"},
				Spec: harness.NewRC("thief", harness.Privileged).Spec.Template.Spec}, metav1.CreateOptions{})
			return err
		}),
		webhook("a creation in the name of another", func(s *stage) error {
			_, err := as(s, rest.ImpersonationConfig{UserName: harness.Account("rcroll-agent")}).
				CoreV1().ReplicationControllers(metav1.NamespaceSystem).Create(s.Context(), harness.NewRC("thief", harness.Privileged), metav1.CreateOptions{})
			return err
		}),
		webhook("a deletion in the name of another", func(s *stage) error {
			return as(s, rest.ImpersonationConfig{UserName: "system:serviceaccount:kube-system:generic-garbage-collector"}).
				CoreV1().ReplicationControllers(s.Namespace).Delete(s.Context(), idle, metav1.DeleteOptions{})
		}))
}

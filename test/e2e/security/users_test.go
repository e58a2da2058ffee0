package security

import (
	"errors"
	"strings"

	"github.com/stretchr/testify/assert"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

// scaleAttempts are by who may scale only.
func scaleAttempts() []attempt {
	scale := func(name string, options metav1.UpdateOptions, edits ...func(*autoscalingv1.Scale)) func(*stage) error {
		return func(s *stage) error {
			wish := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.Namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: 3}}
			for _, edit := range edits {
				edit(wish)
			}
			_, err := s.rcs().UpdateScale(s.Context(), name, wish, options)
			return err
		}
	}
	dryRun := []string{metav1.DryRunAll}
	return []attempt{
		{"S6", scaler, "a dry run of other replicas in the middle of a rolling update", noEffect, scale(rolling, metav1.UpdateOptions{DryRun: dryRun})},
		{"S6", scaler, "the same as rcroll's own question", noEffect, scale(rolling, metav1.UpdateOptions{DryRun: dryRun, FieldManager: api.VerdictFieldManager})},
		{"S6", scaler, "replicas below 0", refused, scale(rolling, metav1.UpdateOptions{}, func(s *autoscalingv1.Scale) { s.Spec.Replicas = -2147483648 })},
		{"S6", scaler, "replicas for a version that is out of date", refused, scale(rolling, metav1.UpdateOptions{}, func(s *autoscalingv1.Scale) { s.ResourceVersion = "1" })},
		{"S6", scaler, "replicas for another UID", refused, scale(rolling, metav1.UpdateOptions{}, func(s *autoscalingv1.Scale) { s.UID = "another" })},
		{"S5", scaler, "a request as an annotation of the Scale", noEffect,
			func(s *stage) error {
				return s.patch(idle, types.MergePatchType, reserved()[0].as(types.MergePatchType), "scale")
			}},
		{"S5", scaler, "the label of a rolling update as one of the Scale", noEffect,
			func(s *stage) error {
				return s.patch(idle, types.MergePatchType, reserved()[1].as(types.MergePatchType), "scale")
			}},
		{"S9", scaler, "a finalizer of the Scale", noEffect,
			func(s *stage) error {
				return s.patch(s.owned, types.MergePatchType, `{"metadata":{"finalizers":["example.com/hold"]}}`, "scale")
			}},
		{"S16", scaler, "an owner of the Scale", noEffect,
			func(s *stage) error {
				return s.patch(foreign, types.MergePatchType, `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ReplicationController","name":"idle","uid":"1","controller":true}]}}`, "scale")
			}},
		{"S1", scaler, "other replicas for the new ReplicationController", noEffect,
			func(s *stage) error {
				return s.patch(s.owned, types.MergePatchType, `{"spec":{"replicas":50}}`, "scale")
			}},
		{"S1", scaler, "none for the new ReplicationController, by a forced server-side apply", noEffect,
			func(s *stage) error {
				return s.patch(s.owned, types.ApplyPatchType, `{"apiVersion":"autoscaling/v1","kind":"Scale","spec":{"replicas":0}}`, "scale")
			}},
	}
}

// editorAttempts are by who may edit everything in the namespace, and wants what
// rcroll's accounts may do.
func editorAttempts() []attempt {
	onOwned := func(how types.PatchType, text string) func(*stage) error {
		return func(s *stage) error { return s.patch(s.owned, how, text) }
	}
	all := []attempt{
		{"S9", editor, "a finalizer on the new ReplicationController", refused, onOwned(types.MergePatchType, `{"metadata":{"finalizers":["example.com/hold"]}}`)},
		{"S9", editor, "a finalizer on it by a JSON patch", refused, onOwned(types.JSONPatchType, `[{"op":"add","path":"/metadata/finalizers","value":["example.com/hold"]}]`)},
		{"S9", editor, "a finalizer on it by a forced server-side apply", refused,
			onOwned(types.ApplyPatchType, `{"apiVersion":"v1","kind":"ReplicationController","metadata":{"finalizers":["example.com/hold"]}}`)},
		{"S9", editor, "the garbage collector's finalizer on it", refused, onOwned(types.MergePatchType, `{"metadata":{"finalizers":["orphan"]}}`)},
		{"S16", editor, "the new ReplicationController without an owner", refused, onOwned(types.MergePatchType, `{"metadata":{"ownerReferences":null}}`)},
		{"S16", editor, "the new ReplicationController with a second owner", refused,
			func(s *stage) error {
				owners := append(s.stored(s.owned).OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "1"})
				return s.patch(s.owned, types.MergePatchType, encode(map[string]any{"metadata": map[string]any{"ownerReferences": owners}}))
			}},
		{"S16", editor, "an idle ReplicationController as the controller of the rolling one", refused, giveRolling(types.MergePatchType)},
		{"S16", editor, "the same by a forced server-side apply", refused, giveRolling(types.ApplyPatchType)},
		{"S13", editor, "another template of the new ReplicationController", noEffect,
			onOwned(types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"hostPID":true}}}}`)},
		{"S13", editor, "more replicas of the new ReplicationController", noEffect, onOwned(types.MergePatchType, `{"spec":{"replicas":50}}`)},
		{"S13", editor, "the new ReplicationController taken out of the rolling update by its label", noEffect,
			onOwned(types.MergePatchType, `{"metadata":{"labels":{"rcroll.dev/rolling":null}}}`)},
		{"S15", editor, "surge that overflows", refused, setting(api.MaxSurgeAnnotation, "2147483647")},
		{"S15", editor, "surge that overflows, as a percentage", refused, setting(api.MaxSurgeAnnotation, "99999999999%")},
		{"S15", editor, "a deadline that overflows", refused, setting(api.ProgressDeadlineAnnotation, "2562047h48m")},
		{"S15", editor, "a negative update period", refused, setting(api.UpdatePeriodAnnotation, "-1ns")},
		{"S15", editor, "an unknown setting", refused, setting(api.Prefix+"max-surg", "1")},
		{"S4", editor, "a template of 1.4 MB", noEffect,
			func(s *stage) error { return s.patch(rolling, types.StrategicMergePatchType, manyVariables(30_000)) }},
		{"S4", editor, "a template of 300 KB, for which the annotations have no room", refused,
			func(s *stage) error { return s.patch(rolling, types.StrategicMergePatchType, manyVariables(6_000)) }},
		{"S4", editor, "256 KiB of annotations", refused,
			func(s *stage) error {
				return s.patch(rolling, types.MergePatchType, encode(map[string]any{"metadata": map[string]any{
					annotations: map[string]string{"note": strings.Repeat("x", 256<<10)}}}))
			}},
		{"S4", editor, "JSON that is nested 20,000 times", refused,
			func(s *stage) error {
				return s.patch(rolling, types.MergePatchType, `{"metadata":{"annotations":`+strings.Repeat(`{"a":`, 20_000)+"1"+strings.Repeat("}", 20_000)+"}}")
			}},
		{"S5", editor, "metadata only (PartialObjectMetadata) with a request", refused, asMetadata},
		{"S5", editor, "protobuf with a request", refused, asProtobuf},
	}
	return append(all, disguiseAttempts()...)
}

// disguiseAttempts are by an editor who wants to be taken for rcroll.
func disguiseAttempts() []attempt {
	return []attempt{
		{"S7", editor, "to act as the agent", refused, actAs(harness.Account("rcroll-agent"))},
		{"S7", editor, "to act as the webhook", refused, actAs(harness.Account("rcroll-webhook"))},
		{"S7", editor, "to act as the garbage collector", refused, actAs("system:serviceaccount:kube-system:generic-garbage-collector")},
		{"S7", editor, "a token of the agent", refused, func(s *stage) error { return s.tokenOf("rcroll-agent") }},
		{"S7", editor, "a token of the webhook", refused, func(s *stage) error { return s.tokenOf("rcroll-webhook") }},
		{"S7", editor, "rcroll's policies taken away", refused,
			func(s *stage) error {
				return s.client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Delete(s.Context(), "rcroll-agent", metav1.DeleteOptions{})
			}},
		{"S13", editor, "the namespace opted out by its editor", refused,
			func(s *stage) error {
				_, err := s.client.CoreV1().Namespaces().Patch(s.Context(), s.Namespace, types.MergePatchType,
					[]byte(`{"metadata":{"labels":{"rcroll.dev/enabled":"false"}}}`), metav1.PatchOptions{})
				return err
			}},
		{"S11", editor, "a ReplicationController that looks like the new one of an idle one", noEffect,
			func(s *stage) error { return s.createAndDelete(sealedFor(s.stored(idle))) }},
		{"S16", editor, "one that looks like a remnant of the rolling update, with the rolling one's own name as its hash", noEffect,
			func(s *stage) error { return s.createAndDelete(sealedFor(s.stored(rolling))) }},
	}
}

func giveRolling(how types.PatchType) func(*stage) error {
	return func(s *stage) error {
		object := map[string]any{"metadata": map[string]any{
			"ownerReferences": []metav1.OwnerReference{*metav1.NewControllerRef(s.stored(idle), api.GroupVersionKind)}}}
		if how == types.ApplyPatchType {
			object["apiVersion"], object["kind"] = "v1", "ReplicationController"
		}
		return s.patch(rolling, how, encode(object))
	}
}

func setting(key, value string) func(*stage) error {
	return func(s *stage) error {
		return s.patch(rolling, types.MergePatchType, entry{annotations, key, value}.as(types.MergePatchType))
	}
}

func manyVariables(n int) string {
	variables := make([]corev1.EnvVar, n)
	for i := range variables {
		variables[i] = corev1.EnvVar{Name: words("VARIABLE_%d", i), Value: "a value of some length"}
	}
	return encode(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"containers": []any{map[string]any{"name": "tomcat", "image": "tomcat:9", "env": variables}}}}}})
}

// asMetadata patches what clients see that want metadata only.
func asMetadata(s *stage) error {
	return s.client.CoreV1().RESTClient().Patch(types.MergePatchType).Namespace(s.Namespace).Resource("replicationcontrollers").Name(idle).
		SetHeader("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1").
		Body([]byte(reserved()[0].as(types.MergePatchType))).Do(s.Context()).Error()
}

func asProtobuf(s *stage) error {
	config := rest.CopyConfig(s.config)
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := rest.RESTClientFor(withGroup(config))
	if err != nil {
		return err
	}
	rc := s.stored(idle)
	reserved()[0].on(rc)
	return client.Put().Namespace(s.Namespace).Resource("replicationcontrollers").Name(idle).Body(rc).Do(s.Context()).Error()
}

// actAs edits the new ReplicationController in somebody's name.
func actAs(user string) func(*stage) error {
	return func(s *stage) error {
		// The test's own way of being somebody is impersonation, so this one has a real token.
		token, err := s.Cluster.Client.CoreV1().ServiceAccounts(s.Namespace).CreateToken(s.Context(), "default", tokenRequest(), metav1.CreateOptions{})
		if err != nil {
			return err
		}
		config := rest.AnonymousClientConfig(s.Cluster.Config)
		config.BearerToken = token.Status.Token
		config.Impersonate = rest.ImpersonationConfig{UserName: user}
		return s.patchWith(config, s.owned)
	}
}

func (s *stage) tokenOf(account string) error {
	_, err := s.client.CoreV1().ServiceAccounts(harness.SystemNamespace()).CreateToken(s.Context(), account, tokenRequest(), metav1.CreateOptions{})
	return err
}

// neighbourAttempts are by who is an editor of another namespace, and knows all names
// and UIDs of this one.
func neighbourAttempts() []attempt {
	return []attempt{
		{"S13", neighbour, "an image", refused, func(s *stage) error {
			return s.patch(rolling, types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"containers":[{"name":"tomcat","image":"tomcat:9"}]}}}}`)
		}},
		{"S1", neighbour, "a scale", refused, func(s *stage) error {
			return s.patch(rolling, types.MergePatchType, `{"spec":{"replicas":0}}`, "scale")
		}},
		{"S5", neighbour, "a status", refused, onStatus(rolling, reserved()[0])},
		{"S13", neighbour, "a deletion of all", refused, func(s *stage) error {
			return s.rcs().DeleteCollection(s.Context(), metav1.DeleteOptions{}, metav1.ListOptions{})
		}},
		{"S16", neighbour, "a ReplicationController of the other namespace, owned by the rolling one of this one", noEffect, ownedAcrossNamespaces},
		{"S9", neighbour, "a pod of the other namespace, to be handed over to the rolling ReplicationController of this one", noEffect, podAcrossNamespaces},
	}
}

// ownedAcrossNamespaces makes what looks like a new ReplicationController of this
// namespace in another one.
func ownedAcrossNamespaces(s *stage) error {
	rcs := s.client.CoreV1().ReplicationControllers(s.optedOut)
	made, err := rcs.Create(s.Context(), harness.NewRC("forged", sealedFor(s.stored(rolling))), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	assert.NotContains(s, made.Labels, api.RollingLabel, "rcroll takes it for nothing of its own")
	return ignoreGone(rcs.Delete(s.Context(), made.Name, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}))
}

func podAcrossNamespaces(s *stage) error {
	pods := s.client.CoreV1().Pods(s.optedOut)
	made, err := pods.Create(s.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: s.owned + "-", Labels: map[string]string{"app": "tomcat", api.SuccessorLabel: string(s.stored(rolling).UID)}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "tomcat", Image: "tomcat:7"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	assert.NotContains(s, made.Labels, api.SuccessorLabel, "a pod without a controller is of no rolling update")
	return ignoreGone(pods.Delete(s.Context(), made.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}))
}

// ignoreGone: the garbage collector may be faster.
func ignoreGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return errors.Join(err)
}

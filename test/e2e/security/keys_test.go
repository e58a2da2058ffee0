package security

import (
	"strings"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

// entry is a label or an annotation.
type entry struct{ section, key, value string }

const (
	labels      = "labels"
	annotations = "annotations"
)

// reserved is what rcroll alone writes. With each of them a rolling update would begin,
// end, or be reported otherwise than its owner asked for.
func reserved() []entry {
	return []entry{
		{annotations, api.RequestAnnotation, forgedRequest()},
		{labels, api.RollingLabel, api.True},
		{annotations, api.CommandAnnotation, api.Command{Operation: api.Scale, Hash: hash}.String()},
		{annotations, api.PromotedAnnotation, hash},
		{annotations, api.LiveAnnotation, hash},
		{annotations, api.PromotingSinceAnnotation, "2099-01-01T00:00:00Z"},
		{annotations, api.RequestedByAnnotation, "somebody else"},
		{annotations, api.RequestedAtAnnotation, "1970-01-01T00:00:00Z"},
		{annotations, api.RequestedAtAnnotation, "2099-01-01T00:00:00Z"},
	}
}

// settings are what the owner of a ReplicationController decides, at values that take
// its pods down, create very many, or break the arithmetic.
func settings() []entry {
	return []entry{
		{annotations, api.MaxUnavailableAnnotation, "100%"},
		{annotations, api.MaxSurgeAnnotation, "1000%"},
		{annotations, api.MaxSurgeAnnotation, "2147483647"},
		{annotations, api.ProgressDeadlineAnnotation, "1s"},
		{annotations, api.OnFailureAnnotation, string(api.Rollback)},
		{annotations, api.UpdatePeriodAnnotation, "2562047h"},
		{annotations, api.TriggerAnnotation, api.TriggerTemplate},
		{annotations, api.PausedAnnotation, "false"},
		{annotations, api.EnabledKey, "false"},
	}
}

var patchTypes = []types.PatchType{types.MergePatchType, types.JSONPatchType, types.StrategicMergePatchType, types.ApplyPatchType}

// patchName is how a kind of patch is called in the table.
func patchName(how types.PatchType) string {
	return map[types.PatchType]string{
		types.MergePatchType: "merge patch", types.JSONPatchType: "JSON patch",
		types.StrategicMergePatchType: "strategic merge patch", types.ApplyPatchType: "forced server-side apply",
	}[how]
}

// as is the patch that sets an entry.
func (e entry) as(how types.PatchType) string {
	switch how {
	case types.JSONPatchType:
		return encode([]any{map[string]any{"op": "add", "path": "/metadata/" + e.section, "value": map[string]string{e.key: e.value}}})
	case types.ApplyPatchType:
		return encode(map[string]any{"apiVersion": "v1", "kind": "ReplicationController", "metadata": map[string]any{e.section: map[string]string{e.key: e.value}}})
	}
	return encode(map[string]any{"metadata": map[string]any{e.section: map[string]string{e.key: e.value}}})
}

// keyAttempts write what is rcroll's. Every key is tried by one kind of patch at each
// place, the two that begin a rolling update by all.
func keyAttempts() []attempt {
	var all []attempt
	for i, e := range reserved() {
		hows := patchTypes[i%len(patchTypes) : i%len(patchTypes)+1]
		if i < 2 {
			hows = patchTypes
		}
		for _, how := range hows {
			all = append(all,
				attempt{"S5", statusWriter, words("%s=%.10s by a %s of the status", e.key, e.value, patchName(how)), refused,
					func(s *stage) error { return s.patch(idle, how, e.as(how), "status") }},
				attempt{"S13", editor, words("%s=%.10s by a %s", e.key, e.value, patchName(how)), refused,
					func(s *stage) error { return s.patch(idle, how, e.as(how)) }})
		}
		all = append(all, outOfSightAttempts(e, hows[0])...)
	}
	for i, e := range settings() {
		how := patchTypes[i%len(patchTypes)]
		all = append(all, attempt{"S15", statusWriter, words("the setting %s=%s by a %s of the status", e.key, e.value, patchName(how)), refused,
			func(s *stage) error { return s.patch(rolling, how, e.as(how), "status") }})
	}
	return append(all, hiddenKeyAttempts()...)
}

// outOfSightAttempts are made where the webhook is not called.
func outOfSightAttempts(e entry, how types.PatchType) []attempt {
	return []attempt{
		{"S13", editor, words("%s=%.10s by a %s where the namespace opted out", e.key, e.value, patchName(how)), refused,
			func(s *stage) error {
				_, err := s.client.CoreV1().ReplicationControllers(s.optedOut).Patch(s.Context(), idle, how, []byte(e.as(how)),
					metav1.PatchOptions{FieldManager: "mallory", Force: forced(how)})
				return err
			}},
		{"S13", editor, words("%s=%.10s by a %s where another kind controls", e.key, e.value, patchName(how)), refused,
			func(s *stage) error { return s.patch(foreign, how, e.as(how)) }},
		{"S13", editor, words("%s=%.10s on a creation where the namespace opted out", e.key, e.value), refused,
			func(s *stage) error {
				_, err := s.client.CoreV1().ReplicationControllers(s.optedOut).Create(s.Context(), harness.NewRC("forged", e.on), metav1.CreateOptions{})
				return err
			}},
	}
}

func forced(how types.PatchType) *bool {
	if how == types.ApplyPatchType {
		return ptr.To(true)
	}
	return nil
}

// on sets the entry.
func (e entry) on(rc *corev1.ReplicationController) {
	if e.section == labels {
		rc.Labels = map[string]string{e.key: e.value}
		return
	}
	rc.Annotations = map[string]string{e.key: e.value}
}

// hiddenKeyAttempts hide a key from the conditions by which the API server decides
// whether it asks the webhook.
func hiddenKeyAttempts() []attempt {
	request := reserved()[0]
	with := func(more map[string]any) string {
		metadata := map[string]any{annotations: map[string]any{request.key: request.value}}
		for key, value := range more {
			metadata[key] = value
		}
		return encode(map[string]any{"metadata": metadata})
	}
	owner := []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "owner", UID: "1", Controller: ptr.To(true)}}
	many := map[string]any{request.key: request.value}
	for i := range 120 {
		many["note-"+strings.Repeat("x", i+1)] = "1"
	}
	optOut := map[string]any{request.key: request.value, api.EnabledKey: "false"}
	return []attempt{
		{"S13", editor, "a request, with a controller of another kind in the same write", refused,
			func(s *stage) error {
				return s.patch(idle, types.MergePatchType, with(map[string]any{"ownerReferences": owner}))
			}},
		{"S13", editor, "a request, with the controller of another kind gone in the same write", refused,
			func(s *stage) error {
				return s.patch(foreign, types.MergePatchType, with(map[string]any{"ownerReferences": nil}))
			}},
		{"S13", editor, "a request among 120 annotations", refused,
			func(s *stage) error {
				return s.patch(idle, types.MergePatchType, encode(map[string]any{"metadata": map[string]any{annotations: many}}))
			}},
		{"S13", editor, "a request, opting out in the same write", refused,
			func(s *stage) error {
				return s.patch(idle, types.MergePatchType, encode(map[string]any{"metadata": map[string]any{annotations: optOut}}))
			}},
		{"S13", editor, "a request, named as the field manager of rcroll's questions", refused,
			func(s *stage) error {
				_, err := s.rcs().Patch(s.Context(), idle, types.MergePatchType, []byte(with(nil)), metav1.PatchOptions{FieldManager: api.VerdictFieldManager})
				return err
			}},
		{"S5", editor, "a request, as rcroll's question by a dry run", noEffect,
			func(s *stage) error {
				_, err := s.rcs().Patch(s.Context(), idle, types.MergePatchType, []byte(with(nil)),
					metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: api.VerdictFieldManager})
				return err
			}},
		{"S13", editor, "every reserved key on a creation: it has none when it is stored", noEffect, createWithEveryKey},
		{"S13", editor, "every reserved key on a creation with a generated name: it has none when it is stored", noEffect,
			func(s *stage) error { return s.createAndDelete(generated, everyKey) }},
		{"S12", editor, "a seal on a template that opts out", refused, sealed(api.SealedLabel)},
		{"S12", editor, "the mark of an adoption", refused, sealed(api.AdoptingLabel)},
		{"S12", editor, "the mark of a hand-over", refused, sealed(api.SuccessorLabel)},
	}
}

func everyKey(rc *corev1.ReplicationController) {
	rc.Annotations, rc.Labels = map[string]string{}, map[string]string{}
	for _, e := range reserved() {
		if e.section == labels {
			rc.Labels[e.key] = e.value
			continue
		}
		rc.Annotations[e.key] = e.value
	}
	// A request on a creation is what an export has: what it says is what is created.
	delete(rc.Annotations, api.RequestAnnotation)
}

func generated(rc *corev1.ReplicationController) { rc.Name, rc.GenerateName = "", "forged-" }

func createWithEveryKey(s *stage) error { return s.createAndDelete(everyKey) }

// createAndDelete makes a ReplicationController that has nothing of rcroll's when it is
// stored, and takes it away.
func (s *stage) createAndDelete(edits ...func(*corev1.ReplicationController)) error {
	made, err := s.rcs().Create(s.Context(), harness.NewRC("forged", edits...), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	for _, e := range reserved() {
		assert.NotContains(s, made.Annotations, e.key)
		assert.NotContains(s, made.Labels, e.key)
	}
	return s.rcs().Delete(s.Context(), made.Name, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)})
}

// sealed puts a mark of a promotion on a ReplicationController.
func sealed(mark string) func(*stage) error {
	return func(s *stage) error {
		marks := map[string]string{"app": idle, mark: hash}
		spec := map[string]any{"template": map[string]any{"metadata": map[string]any{labels: marks}}}
		if mark == api.SealedLabel {
			spec["selector"] = marks
		}
		return s.patch(idle, types.MergePatchType, encode(map[string]any{
			"metadata": map[string]any{annotations: map[string]any{api.EnabledKey: "false"}}, "spec": spec}))
	}
}

// statusAttempts are by who may write the status only.
func statusAttempts() []attempt {
	all := []attempt{
		{"S5", statusWriter, "the request replaced in the middle of a rolling update, through the status", refused, onStatus(rolling, reserved()[0])},
		{"S5", statusWriter, "the request taken away through the status", refused,
			func(s *stage) error {
				return s.patch(rolling, types.MergePatchType, `{"metadata":{"annotations":{"rcroll.dev/request":null}}}`, "status")
			}},
		{"S5", statusWriter, "the label of a rolling update taken away through the status", refused,
			func(s *stage) error {
				return s.patch(rolling, types.MergePatchType, `{"metadata":{"labels":{"rcroll.dev/rolling":null}}}`, "status")
			}},
		{"S15", statusWriter, "the pause taken away through the status", refused,
			func(s *stage) error {
				return s.patch(rolling, types.MergePatchType, `{"metadata":{"annotations":{"rcroll.dev/paused":null}}}`, "status")
			}},
		{"S5", statusWriter, "a request by an update of the status", refused,
			func(s *stage) error {
				rc := s.stored(idle)
				reserved()[0].on(rc)
				_, err := s.rcs().UpdateStatus(s.Context(), rc, metav1.UpdateOptions{})
				return err
			}},
		{"S5", statusWriter, "a template through the status", noEffect,
			func(s *stage) error {
				return s.patch(idle, types.StrategicMergePatchType, encode(map[string]any{"spec": harness.NewRC(idle, harness.Privileged).Spec}), "status")
			}},
		{"S9", statusWriter, "a finalizer on the new ReplicationController through the status", refused,
			func(s *stage) error {
				return s.patch(s.owned, types.MergePatchType, `{"metadata":{"finalizers":["example.com/hold"]}}`, "status")
			}},
		{"S16", statusWriter, "the new ReplicationController taken from its owner through the status", refused,
			func(s *stage) error {
				return s.patch(s.owned, types.MergePatchType, `{"metadata":{"ownerReferences":null}}`, "status")
			}},
		{"S16", statusWriter, "a controller for what is rolling through the status", refused,
			func(s *stage) error {
				return s.patch(rolling, types.MergePatchType, encode(map[string]any{"metadata": map[string]any{
					"ownerReferences": []metav1.OwnerReference{*metav1.NewControllerRef(s.stored(idle), api.GroupVersionKind)}}}), "status")
			}},
	}
	for what, status := range map[string]string{
		"more pods available than there are": `{"replicas":5,"readyReplicas":5,"availableReplicas":5,"fullyLabeledReplicas":5}`,
		"no pods":                            `{"replicas":0,"readyReplicas":0,"availableReplicas":0,"fullyLabeledReplicas":0}`,
		"a generation that is yet to come":   `{"observedGeneration":1000000}`,
	} {
		for name, which := range map[string]func(*stage) string{"the new": func(s *stage) string { return s.owned }, "the rolling": func(*stage) string { return rolling }} {
			all = append(all, attempt{"S5", statusWriter, words("the status of %s ReplicationController tells of %s", name, what), refused,
				func(s *stage) error {
					return s.patch(which(s), types.MergePatchType, `{"status":`+status+`}`, "status")
				}})
		}
	}
	return all
}

func onStatus(name string, e entry) func(*stage) error {
	return func(s *stage) error { return s.patch(name, types.MergePatchType, e.as(types.MergePatchType), "status") }
}

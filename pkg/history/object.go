package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/rcroll/rcroll/pkg/api"
)

// ChangeCauseAnnotation is the one that kubectl rollout history shows.
const ChangeCauseAnnotation = "kubernetes.io/change-cause"

// nameHashLength is that of the names of a StatefulSet's revisions.
const nameHashLength = 10

// Name is that of the revision for a template. The same template has the same name, so that
// nothing is created twice; another ReplicationController of that name, whose revisions may
// still be there, has other ones.
func Name(owner metav1.Object, hash string) string {
	sum := sha256.Sum256([]byte(string(owner.GetUID()) + "/" + hash))
	return api.NewRCName(owner.GetName(), hex.EncodeToString(sum[:])[:nameHashLength])
}

// Labels select the revisions of a ReplicationController.
func Labels(owner types.UID) map[string]string {
	return map[string]string{api.RevisionOfLabel: string(owner)}
}

// IsOf reports whether a revision is of that ReplicationController, and of its history.
func IsOf(object metav1.Object, owner types.UID) bool {
	controller := api.ControllerOf(object)
	return controller != nil && controller.UID == owner && object.GetLabels()[api.RevisionOfLabel] == string(owner)
}

// Object is the revision to be created, with the template of the spec. Its data is a
// strategic merge patch of the ReplicationController, as that of StatefulSets is: to patch
// with it is to go back.
func Object(owner metav1.Object, revision Revision, spec api.Spec, hashKey string) (*appsv1.ControllerRevision, error) {
	spec = spec.Unlabelled(hashKey)
	template, ok := spec["template"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the spec has no template")
	}
	template = maps.Clone(template)
	template["$patch"] = "replace"
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"template": template}})
	if err != nil {
		return nil, fmt.Errorf("marshal the template: %w", err)
	}
	// Those of the pods find it with a selector that its user knows.
	labels := spec.TemplateLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, Labels(owner.GetUID()))
	return &appsv1.ControllerRevision{
		TypeMeta: metav1.TypeMeta{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "ControllerRevision"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       owner.GetNamespace(),
			Name:            Name(owner, revision.Hash),
			Labels:          labels,
			Annotations:     annotations(revision),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, api.GroupVersionKind)},
		},
		Data:     runtime.RawExtension{Raw: data},
		Revision: revision.Number,
	}, nil
}

// Of reads a revision.
func Of(object *appsv1.ControllerRevision) Revision {
	annotations := object.Annotations
	at, _ := time.Parse(time.RFC3339, annotations[api.RequestedAtAnnotation])
	took, _ := time.ParseDuration(annotations[api.DurationAnnotation])
	return Revision{
		Number:      object.Revision,
		Hash:        annotations[api.TemplateHashAnnotation],
		Result:      Result(annotations[api.ResultAnnotation]),
		RequestedBy: annotations[api.RequestedByAnnotation],
		RequestedAt: at,
		Duration:    took,
		ChangeCause: annotations[ChangeCauseAnnotation],
		Overridden:  annotations[api.OverriddenAnnotation],
		ApprovedBy:  annotations[api.ApprovedByAnnotation],
	}
}

// SpecOf is a spec with nothing but the template of a revision.
func SpecOf(object *appsv1.ControllerRevision) (api.Spec, error) {
	var data struct {
		Spec api.Spec `json:"spec"`
	}
	// Its integers are such, as those of what is compared with it.
	if err := utiljson.Unmarshal(object.Data.Raw, &data); err != nil {
		return nil, fmt.Errorf("read controllerrevision %s: %w", object.Name, err)
	}
	template, ok := data.Spec["template"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("read controllerrevision %s: it has no pod template", object.Name)
	}
	delete(template, "$patch")
	return api.Spec{"template": template}, nil
}

// Patch is the JSON merge patch that updates a revision, under the version that was read.
func Patch(object *appsv1.ControllerRevision, revision Revision) map[string]any {
	changed := map[string]any{}
	wanted := annotations(revision)
	for _, key := range []string{
		api.TemplateHashAnnotation, api.ResultAnnotation, api.RequestedByAnnotation, api.RequestedAtAnnotation,
		api.DurationAnnotation, ChangeCauseAnnotation, api.OverriddenAnnotation, api.ApprovedByAnnotation,
	} {
		switch value, set := wanted[key]; {
		case set:
			changed[key] = value
		default:
			changed[key] = nil
		}
	}
	return map[string]any{
		"metadata": map[string]any{"uid": object.UID, "resourceVersion": object.ResourceVersion, "annotations": changed},
		"revision": revision.Number,
	}
}

// annotations are those of a revision; what is not known is left out.
func annotations(revision Revision) map[string]string {
	out := map[string]string{
		api.TemplateHashAnnotation: revision.Hash,
		api.ResultAnnotation:       string(revision.Result),
		api.RequestedByAnnotation:  revision.RequestedBy,
		ChangeCauseAnnotation:      revision.ChangeCause,
		api.OverriddenAnnotation:   revision.Overridden,
		api.ApprovedByAnnotation:   revision.ApprovedBy,
	}
	if !revision.RequestedAt.IsZero() {
		out[api.RequestedAtAnnotation] = revision.RequestedAt.UTC().Format(time.RFC3339)
	}
	if revision.Duration > 0 {
		out[api.DurationAnnotation] = revision.Duration.String()
	}
	maps.DeleteFunc(out, func(_, value string) bool { return value == "" })
	return out
}

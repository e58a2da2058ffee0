package rollingupdate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/rcroll/rcroll/pkg/api"
)

// The old command's own notes on the two ReplicationControllers. Here they are what an
// interrupted command is resumed by.
const (
	// nextAnnotation is the name that a ReplicationController is to get.
	nextAnnotation = "kubectl.kubernetes.io/next-controller-id"

	// sourceKey is an annotation of the successor with the name and the UID of the one that
	// it follows. As a label it seals the successor: no pod has it.
	sourceKey = "kubectl.kubernetes.io/update-source-id"

	// desiredAnnotation are the replicas that a sealed successor will have.
	desiredAnnotation = "kubectl.kubernetes.io/desired-replicas"
)

// successor is the ReplicationController of another name that is to have the pods of old.
// It is created sealed: without replicas, and with a selector that selects no pod. So it
// takes and deletes none while old still has them, or nobody.
func (o *options) successor(old *unstructured.Unstructured, spec api.Spec) *unstructured.Unstructured {
	from := old
	if o.file != nil {
		from = o.file
	}
	rc := api.EmptyRC()
	rc.SetNamespace(old.GetNamespace())
	rc.SetName(o.newName)
	rc.SetLabels(usersOwn(from.GetLabels(), nil))
	annotations := usersOwn(from.GetAnnotations(), api.Settings)
	delete(annotations, nextAnnotation)
	delete(annotations, corev1.LastAppliedConfigAnnotation) // It is of another name.
	if o.period != nil {
		annotations[api.UpdatePeriodAnnotation] = o.period.String()
	}
	annotations[sourceKey] = sourceOf(old)
	annotations[desiredAnnotation] = strconv.Itoa(int(spec.Replicas()))
	rc.SetAnnotations(annotations)
	seal := map[string]string{sourceKey: string(old.GetUID())}
	rc.Object["spec"] = map[string]any(spec.DeepCopy().Labelled(seal, seal).WithReplicas(0))
	return rc
}

// usersOwn are labels or annotations without those of rcroll, but for some.
func usersOwn(all map[string]string, but []string) map[string]string {
	own := map[string]string{}
	maps.Copy(own, all)
	maps.DeleteFunc(own, func(key, _ string) bool { return strings.HasPrefix(key, api.Prefix) && !slices.Contains(but, key) })
	return own
}

func sourceOf(old *unstructured.Unstructured) string {
	return fmt.Sprintf("%s:%s", old.GetName(), old.GetUID())
}

// isSuccessor reports whether rc was made to follow the named ReplicationController, and
// is still sealed.
func isSuccessor(rc *unstructured.Unstructured, name string) bool {
	source, _, found := strings.Cut(rc.GetAnnotations()[sourceKey], ":")
	_, sealed := api.SpecOf(rc).Selector()[sourceKey]
	return found && source == name && sealed
}

// opened is the successor when it may take the pods.
func opened(sealed *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	rc := sealed.DeepCopy()
	annotations := rc.GetAnnotations()
	replicas, err := strconv.ParseInt(annotations[desiredAnnotation], 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read the annotation %s: %w", desiredAnnotation, err)
	}
	delete(annotations, desiredAnnotation)
	delete(annotations, sourceKey)
	rc.SetAnnotations(annotations)
	unstructured.RemoveNestedField(rc.Object, "spec", "selector", sourceKey)
	unstructured.RemoveNestedField(rc.Object, "spec", "template", "metadata", "labels", sourceKey)
	return rc, unstructured.SetNestedField(rc.Object, replicas, "spec", "replicas")
}

// overlapping is the name of another ReplicationController that selects pods with these
// labels; empty if there is none. Those of the rollout are not meant.
func overlapping(all []*unstructured.Unstructured, old *unstructured.Unstructured, podLabels map[string]string) string {
	for _, rc := range all {
		owner := api.ControllerOf(rc)
		if rc.GetUID() == old.GetUID() || owner != nil && owner.UID == old.GetUID() {
			continue
		}
		if labels.SelectorFromSet(api.SpecOf(rc).Selector()).Matches(labels.Set(podLabels)) {
			return rc.GetName()
		}
	}
	return ""
}

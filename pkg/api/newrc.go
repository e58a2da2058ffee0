package api

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// GroupVersionKind of ReplicationControllers.
var GroupVersionKind = corev1.SchemeGroupVersion.WithKind("ReplicationController")

// EmptyRC is a ReplicationController to read one into.
func EmptyRC() *unstructured.Unstructured {
	rc := &unstructured.Unstructured{}
	rc.SetGroupVersionKind(GroupVersionKind)
	return rc
}

const (
	// maxNameLength is the API server's limit, that of a DNS subdomain.
	maxNameLength = 253

	// nameHashLength is the number of hex digits by which a shortened name is
	// told from other shortened ones.
	nameHashLength = 8
)

// NewRCName is the name of the new ReplicationController for a template hash:
// "tomcat-<hash>". Where that would be longer than the 253 characters of a name,
// the name is cut and 8 digits of its own hash take the place of what is
// missing, so that two long names with the same beginning stay apart.
func NewRCName(name, hash string) string {
	if len(name)+1+len(hash) <= maxNameLength {
		return name + "-" + hash
	}
	sum := sha256.Sum256([]byte(name))
	own := hex.EncodeToString(sum[:])[:nameHashLength]
	room := maxNameLength - (1 + nameHashLength + 1 + len(hash))
	// A label of a DNS subdomain neither begins nor ends with these.
	return strings.TrimRight(name[:room], "-.") + "-" + own + "-" + hash
}

// NewRC is the new ReplicationController for a request, when it has all pods: with
// the requested template and replicas and the hash label, controlled by the owner. It
// is untyped so that fields of the request that this build does not know survive.
func NewRC(owner metav1.Object, request Spec, hashKey string) *unstructured.Unstructured {
	return ownedRC(owner, request.Hashed(hashKey), hashKey)
}

// SealedNewRC is the new ReplicationController as it is created: without replicas, and
// sealed. Scaling opens it (ScaleOwnedPatch). A creation is the one write that no
// resource version protects: it may arrive when another agent is in the middle of the
// promotion for the same template. Open and without replicas it would then adopt the
// pods that have no controller, and delete them.
//
// It says which version of the owner it was made from, for the webhook to find out
// whether that is what the owner still asks for.
func SealedNewRC(owner metav1.Object, request Spec, hashKey string) *unstructured.Unstructured {
	rc := ownedRC(owner, request.Sealed(hashKey), hashKey)
	rc.SetAnnotations(map[string]string{OwnerVersionAnnotation: owner.GetResourceVersion()})
	return rc
}

// ScaleOwnedPatch is the JSON merge patch that sets the replicas of an owned
// ReplicationController, and opens it if it is still sealed.
func ScaleOwnedPatch(replicas int32) map[string]any {
	opened := map[string]any{SealedLabel: nil}
	return map[string]any{"spec": map[string]any{
		"replicas": replicas,
		"selector": opened,
		"template": map[string]any{"metadata": map[string]any{"labels": opened}},
	}}
}

// ownedRC takes the hash from the label: computing it again is not cheap. The pods
// name their owner as the one that is to take them over.
func ownedRC(owner metav1.Object, spec Spec, hashKey string) *unstructured.Unstructured {
	spec = spec.Labelled(nil, map[string]string{SuccessorLabel: string(owner.GetUID())})
	rc := EmptyRC()
	rc.Object["spec"] = map[string]any(spec)
	rc.SetNamespace(owner.GetNamespace())
	rc.SetName(NewRCName(owner.GetName(), spec.Selector()[hashKey]))
	// Policies about the labels of ReplicationControllers are met as the owner meets them.
	labels := maps.Clone(owner.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	labels[RollingLabel] = True
	rc.SetLabels(labels)
	rc.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(owner, GroupVersionKind)})
	return rc
}

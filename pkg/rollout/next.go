package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
)

// Kind and APIVersion of ReplicationControllers.
const (
	Kind       = "ReplicationController"
	APIVersion = "v1"
)

const (
	// maxNameLength is the API server's limit, that of a DNS subdomain.
	maxNameLength = 253

	// nameHashLength is the number of hex digits by which a shortened name is
	// told from other shortened ones.
	nameHashLength = 8
)

// NextName is the name of the next ReplicationController for a template hash:
// "tomcat-<hash>". Where that would be longer than the 253 characters of a name,
// the name is cut and 8 digits of its own hash take the place of what is
// missing, so that two long names with the same beginning stay apart.
func NextName(name, hash string) string {
	if len(name)+1+len(hash) <= maxNameLength {
		return name + "-" + hash
	}
	sum := sha256.Sum256([]byte(name))
	own := hex.EncodeToString(sum[:])[:nameHashLength]
	room := maxNameLength - (1 + nameHashLength + 1 + len(hash))
	// A label of a DNS subdomain neither begins nor ends with these.
	return strings.TrimRight(name[:room], "-.") + "-" + own + "-" + hash
}

// NextRC is the next ReplicationController for a request, when it has all pods: with
// the requested template and replicas and the hash label, controlled by the owner. It
// is untyped so that fields of the request that this build does not know survive.
func NextRC(owner metav1.Object, request api.Spec, hashKey string) *unstructured.Unstructured {
	return nextRC(owner, request.Hashed(hashKey), hashKey)
}

// SealedNextRC is the same as it is created, without replicas and sealed; to scale it
// is to open it (ScaleNextPatch). A creation is the one write that no resource version
// protects: it may arrive when another agent is in the middle of the promotion for the
// same template. Open and without replicas it would then adopt the pods that have
// no controller, and delete them.
func SealedNextRC(owner metav1.Object, request api.Spec, hashKey string) *unstructured.Unstructured {
	return nextRC(owner, request.Sealed(hashKey), hashKey)
}

// ScaleNextPatch is the JSON merge patch that gives a next ReplicationController so
// many replicas, and opens it if it is still sealed.
func ScaleNextPatch(replicas int32) map[string]any {
	opened := map[string]any{api.SealedLabel: nil}
	return map[string]any{"spec": map[string]any{
		"replicas": replicas,
		"selector": opened,
		"template": map[string]any{"metadata": map[string]any{"labels": opened}},
	}}
}

// nextRC takes the hash from the label, for to compute it again is not cheap.
func nextRC(owner metav1.Object, spec api.Spec, hashKey string) *unstructured.Unstructured {
	next := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any(spec)}}
	next.SetAPIVersion(APIVersion)
	next.SetKind(Kind)
	next.SetNamespace(owner.GetNamespace())
	next.SetName(NextName(owner.GetName(), spec.Selector()[hashKey]))
	next.SetLabels(map[string]string{api.RollingLabel: api.True})
	next.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion:         APIVersion,
		Kind:               Kind,
		Name:               owner.GetName(),
		UID:                owner.GetUID(),
		Controller:         ptr.To(true),
		BlockOwnerDeletion: ptr.To(true),
	}})
	return next
}

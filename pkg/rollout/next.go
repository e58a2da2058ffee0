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

// NextRC is the next ReplicationController for a request, as it is created: with
// the requested template and the hash label, controlled by the owner, and with so
// many of the requested replicas. It is untyped so that fields of the request that
// this build does not know survive.
func NextRC(owner metav1.Object, request api.Spec, replicas int32, hashKey string) *unstructured.Unstructured {
	next := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any(request.Hashed(hashKey).WithReplicas(replicas)),
	}}
	next.SetAPIVersion(APIVersion)
	next.SetKind(Kind)
	next.SetNamespace(owner.GetNamespace())
	next.SetName(NextName(owner.GetName(), request.Hash(hashKey)))
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

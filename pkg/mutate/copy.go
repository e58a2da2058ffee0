package mutate

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

// isCopy recognises an object that was read from the API server, whole or what is left
// of it: a client edited it (kubectl get -o yaml, sed, kubectl replace). What it says
// of the spec is what was live, a share of the replicas and an old image, except for
// what was edited. So it declares nothing: it bears metadata that only the server
// sets, or what rcroll wrote.
//
// The hash label of live pods counts; one of other pods does not, because an export that
// somebody cleaned up and keeps as a manifest has it for ever.
func isCopy(object, live *unstructured.Unstructured, hashKey string) bool {
	created := object.GetCreationTimestamp()
	if object.GetUID() != "" || object.GetResourceVersion() != "" || object.GetGeneration() != 0 || !created.IsZero() {
		return true
	}
	for _, key := range reservedAnnotations {
		if _, found := object.GetAnnotations()[key]; found {
			return true
		}
	}
	spec := api.SpecOf(object)
	if _, found := object.GetLabels()[api.RollingLabel]; found || spec.Marked() {
		return true
	}
	hash := spec.Selector()[hashKey]
	return hasStatus(object) || api.IsHash(hash) && hash == api.SpecOf(live).Selector()[hashKey]
}

// hasStatus reports whether the status was ever written. Generated manifests have an
// empty one.
func hasStatus(object *unstructured.Unstructured) bool {
	generation, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	return generation != 0
}

// withoutStaleShare corrects the replicas that a copy wants which does not state of which
// version it is: those of the live spec when it was read, if they are between the live
// and the requested ones. While a rollout goes on they only fall. A version alone is no
// statement: kubectl replace fills in the one of the moment where the copy has none.
func withoutStaleShare(write Write, live, wanted, pending api.Spec) api.Spec {
	stated := write.New.GetResourceVersion() != "" && write.New.GetUID() != ""
	if n := wanted.Replicas(); stated || n <= live.Replicas() || n > pending.Replicas() {
		return wanted
	}
	return wanted.WithReplicas(live.Replicas())
}

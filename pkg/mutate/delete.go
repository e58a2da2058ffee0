package mutate

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

// GuardDelete refuses to let a ReplicationController go while it takes pods over.
// They have no controller then, or are about to lose it, and the garbage collector
// would leave them behind. It is a matter of a moment. An owned ReplicationController
// that is sealed has no pods yet.
func GuardDelete(object *unstructured.Unstructured) error {
	if api.IsForeign(object) || api.IsOwned(object) || !api.SpecOf(object).Marked() {
		return nil
	}
	return errAdopting(name(object))
}

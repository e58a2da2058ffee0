package mutate

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

// maxDeleteDelay bounds how long a promotion holds up the deletion of its
// ReplicationController. One of thousands of pods takes a minute; one that takes longer
// stands still, and its namespace may have to go.
const maxDeleteDelay = 5 * time.Minute

// GuardDelete refuses to let a ReplicationController go while it takes pods over.
// They have no controller then, or are about to lose it, and the garbage collector
// would leave them behind. It is a matter of a moment. When it is not, the deletion
// passes, with a warning about the pods that may stay.
//
// The marks of a promotion alone are no promotion: there is a request, too. An owned
// ReplicationController that is sealed has no pods yet.
func GuardDelete(object *unstructured.Unstructured, now time.Time) (warning string, err error) {
	spec, annotations := api.SpecOf(object), object.GetAnnotations()
	_, pending := annotations[api.RequestAnnotation]
	if api.IsForeign(object) || api.IsOwned(object) || !pending || !spec.Marked() {
		return "", nil
	}
	since, err := time.Parse(time.RFC3339, annotations[api.PromotingSinceAnnotation])
	if err != nil || now.Sub(since) > maxDeleteDelay {
		return warnPodsMayStay(name(object), spec.Unmarked().Selector()), nil
	}
	return "", errAdopting(name(object))
}

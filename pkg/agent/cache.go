package agent

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/rcroll/rcroll/pkg/api"
)

// keepNeeded makes the cache hold what decisions read. Not needed are managed fields, the
// manifest that kubectl apply keeps in an annotation, and of the owned
// ReplicationControllers what their pods run, which the API server knows: templates are as
// large as users make them. Nothing is written back from the cache but patches of single
// fields.
func keepNeeded() toolscache.TransformFunc {
	stripManagedFields := cache.TransformStripManagedFields()
	return func(object any) (any, error) {
		object, err := stripManagedFields(object)
		rc, ok := object.(*unstructured.Unstructured)
		if err != nil || !ok {
			return object, err
		}
		unstructured.RemoveNestedField(rc.Object, "metadata", "annotations", corev1.LastAppliedConfigAnnotation)
		if api.IsOwned(rc) {
			unstructured.RemoveNestedField(rc.Object, "spec", "template", "spec")
		}
		return rc, nil
	}
}

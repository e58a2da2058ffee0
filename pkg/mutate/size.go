package mutate

import (
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

// guardSpecSize refuses, before anybody is asked about it, a spec that no annotation has
// room for.
func guardSpecSize(rc string, wanted api.Spec) error {
	if size := len(wanted.String()); size > validation.TotalAnnotationSizeLimitB {
		return errNoRoomForRequest(rc, size, "", 0)
	}
	return nil
}

// roomForSteps is what rcroll adds until the end: promoting-since, promoted, approved-by …
const roomForSteps = 1024

// guardSize refuses a request that finds no room beside the other annotations. The
// API server would refuse it too, but tell of an annotation that no user wrote.
func guardSize(object *unstructured.Unstructured) error {
	annotations := object.GetAnnotations()
	total := roomForSteps
	for key, value := range annotations {
		total += len(key) + len(value)
	}
	if total <= validation.TotalAnnotationSizeLimitB {
		return nil
	}
	largest := ""
	for key, value := range annotations {
		if key != api.RequestAnnotation && len(value) > len(annotations[largest]) {
			largest = key
		}
	}
	return errNoRoomForRequest(name(object), len(annotations[api.RequestAnnotation]), largest, len(annotations[largest]))
}

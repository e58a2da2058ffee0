package client

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/rcroll/rcroll/pkg/api"
)

// podSelectors select the pods of a ReplicationController, of what it owns, and of what
// it requests. Mostly it is one: without the labels of rcroll's own the selectors of all
// of them are the same. (With a hash key that is not the default one there are several,
// and they select the same pods.)
func podSelectors(rc *unstructured.Unstructured, others []*unstructured.Unstructured) []string {
	if rc == nil {
		return nil
	}
	specs := []api.Spec{api.SpecOf(rc)}
	if request, err := api.ParseSpec(rc.GetAnnotations()[api.RequestAnnotation]); err == nil {
		specs = append(specs, request)
	}
	for _, other := range others {
		if owner := api.ControllerOf(other); owner != nil && owner.UID == rc.GetUID() {
			specs = append(specs, api.SpecOf(other))
		}
	}
	var selectors []string
	for _, spec := range specs {
		spec = spec.Unlabelled(api.DefaultHashLabelKey)
		selector := spec.Selector()
		if len(selector) == 0 {
			selector = spec.TemplateLabels() // as the API server has it
		}
		if len(selector) > 0 {
			selectors = append(selectors, labels.SelectorFromSet(selector).String())
		}
	}
	slices.Sort(selectors)
	return slices.Compact(selectors)
}

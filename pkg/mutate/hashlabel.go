package mutate

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

// keepHashLabel puts the hash label back into a write that passes: a manifest
// that spells its selector out does not know it, and without it the
// ReplicationController would lose its pods to whoever selects them.
func keepHashLabel(write Write, key string) (*unstructured.Unstructured, error) {
	live, wanted := api.SpecOf(write.Old), api.SpecOf(write.New)
	selector, template := live.RollLabels(key)
	if len(selector) == 0 {
		return write.New, nil
	}
	if value, ok := wanted.TemplateLabels()[key]; ok && !api.IsHash(value) {
		return nil, about(name(write.New), errHashLabelChanged(key, value, template[key]))
	}
	kept := wanted.Unlabelled(key).Labelled(selector, template)
	if kept.Equal(wanted) {
		return write.New, nil
	}
	object := shallowCopy(write.New)
	setSpec(object, kept)
	return object, nil
}

// guardHashLabel refuses a request whose template has a label of the user's own where
// rcroll has to put the hash.
func guardHashLabel(rc string, wanted api.Spec, key string) error {
	if value, ok := wanted.TemplateLabels()[key]; ok {
		return about(rc, errHashLabelInUse(key, value))
	}
	return nil
}

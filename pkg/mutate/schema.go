package mutate

import (
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// schema is what the types of the API say about merging a value. That of a field
// which this build does not know is zero: its maps are merged key by key, and its
// lists are values in themselves.
type schema struct {
	// goType is without pointers; nil if unknown.
	goType reflect.Type

	// keys are the fields that tell the elements of a list apart; none if the list is
	// a value in itself.
	keys []string

	// union reports whether a structure, or each element of a list, has one of several
	// members: a variable has a value or a source, a volume one of many sources.
	union bool
}

var specSchema = schema{goType: reflect.TypeFor[corev1.ReplicationControllerSpec]()}

// secondKeys complete the merge keys of a strategic merge patch to those of
// server-side apply (+listMapKey in the types of the API).
var secondKeys = map[reflect.Type]string{
	reflect.TypeFor[corev1.ContainerPort]():            "protocol",
	reflect.TypeFor[corev1.TopologySpreadConstraint](): "whenUnsatisfiable",
}

func (s schema) isList() bool { return len(s.keys) > 0 }

// isMap reports whether the keys of a value are the user's (labels, resource limits),
// and not the fields of a structure.
func (s schema) isMap() bool { return s.goType != nil && s.goType.Kind() == reflect.Map }

// field is the schema of a field of a structure.
func (s schema) field(name string) schema {
	if s.goType == nil {
		return schema{}
	}
	found, meta, err := strategicpatch.PatchMetaFromStruct{T: s.goType}.LookupPatchMetadataForStruct(name)
	if err != nil {
		return schema{} // not known, or no field of a structure
	}
	out := schema{goType: found.(strategicpatch.PatchMetaFromStruct).T}
	if out.goType.Kind() == reflect.Pointer {
		out.goType = out.goType.Elem()
	}
	if key := meta.GetPatchMergeKey(); key != "" && out.goType.Kind() == reflect.Slice {
		out.keys = []string{key}
		if second, found := secondKeys[out.goType.Elem()]; found {
			out.keys = append(out.keys, second)
		}
		strategies := meta.GetPatchStrategies()
		out.union = slices.Contains(strategies, "retainKeys") || out.goType.Elem() == reflect.TypeFor[corev1.EnvVar]()
	}
	return out
}

// element is the schema of the elements of a list.
func (s schema) element() schema { return schema{goType: s.goType.Elem(), union: s.union} }

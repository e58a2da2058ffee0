package api

import (
	"crypto/sha256"
	"encoding/hex"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
)

// Spec is the spec of a ReplicationController as the API server sent it. It is
// untyped so that fields that this build does not know survive the round trip
// through the request annotation. A Spec is never changed in place: every
// method that changes something returns a copy.
type Spec map[string]any

// ParseSpec reads the value of the request annotation. It is an error if that is no
// JSON, has no template or no replicas, or a field of another type than in a
// ReplicationControllerSpec.
func ParseSpec(text string) (Spec, error) {
	var spec Spec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return nil, fmt.Errorf("not a ReplicationControllerSpec: %w", err)
	}
	if spec.template() == nil {
		return nil, errors.New("not a ReplicationControllerSpec: it has no template")
	}
	if _, ok := spec["replicas"].(int64); !ok {
		return nil, errors.New("not a ReplicationControllerSpec: it has no replicas")
	}
	// The types of what this build knows must be right; what it does not know may stay.
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(spec, &corev1.ReplicationControllerSpec{}); err != nil {
		return nil, fmt.Errorf("not a ReplicationControllerSpec: %w", err)
	}
	return spec, nil
}

// String is the canonical JSON of the spec: equal specs give equal strings.
func (s Spec) String() string { return canonical(map[string]any(s)) }

// Equal reports whether both specs say the same. All come out of one JSON decoder, so
// equal ones are equal by value.
func (s Spec) Equal(other Spec) bool {
	return Same(map[string]any(s), map[string]any(other))
}

// Replicas is the desired number of pods; the API server's default is 1.
func (s Spec) Replicas() int32 {
	n, ok := s["replicas"].(int64)
	if !ok {
		return 1
	}
	return int32(n) //nolint:gosec // a Spec was decoded as one of 32 bits
}

// WithReplicas returns the spec with another number of replicas, 0 or more.
func (s Spec) WithReplicas(n int32) Spec {
	out := maps.Clone(s)
	out["replicas"] = int64(n)
	return out
}

// MinReadySeconds is how long a pod must be ready to be available; the API server's default
// is 0.
func (s Spec) MinReadySeconds() int32 {
	n, _ := s["minReadySeconds"].(int64)
	return int32(n) //nolint:gosec // as above
}

// WithMinReadySeconds returns the spec with another time, 0 or more; s itself if it has that.
func (s Spec) WithMinReadySeconds(n int32) Spec {
	if n == s.MinReadySeconds() {
		return s
	}
	out := maps.Clone(s)
	out["minReadySeconds"] = int64(n)
	return out
}

// WithTemplateOf returns the spec with the pod template of another one.
func (s Spec) WithTemplateOf(other Spec) Spec {
	out := maps.Clone(s)
	out["template"] = other["template"]
	return out
}

// WithContainersOf returns the spec with the named containers as they are in another one.
func (s Spec) WithContainersOf(other Spec, names map[string]bool) Spec {
	out, theirs := s.DeepCopy(), map[string]map[string]any{}
	for _, container := range other.podList("containers") {
		theirs[nameOf(container)] = container
	}
	for _, container := range out.podList("containers") {
		if replacement := theirs[nameOf(container)]; replacement != nil && names[nameOf(container)] {
			clear(container)
			maps.Copy(container, replacement)
		}
	}
	return out
}

// podList is a list of the template's pod spec, such as containers or volumes. What is no
// object in it is nil.
func (s Spec) podList(field string) []map[string]any {
	podSpec, _ := s.template()["spec"].(map[string]any)
	list, _ := podSpec[field].([]any)
	out := make([]map[string]any, len(list))
	for i, item := range list {
		out[i], _ = item.(map[string]any)
	}
	return out
}

func nameOf(container map[string]any) string {
	name, _ := container["name"].(string)
	return name
}

// TemplateAnnotation is the value of an annotation of the pod template; empty if it has
// none.
func (s Spec) TemplateAnnotation(key string) string {
	annotations, _ := s.templateMetadata()["annotations"].(map[string]any)
	value, _ := annotations[key].(string)
	return value
}

// Hash is the identity of the pod template: 32 hex digits over its canonical
// JSON without rcroll's own labels. The same template always has the same hash.
func (s Spec) Hash(hashKey string) string {
	sum := sha256.Sum256([]byte(canonical(s.Unlabelled(hashKey).template())))
	return hex.EncodeToString(sum[:16])
}

// SameTemplate reports whether both specs ask for the same pods, whatever labels
// rcroll put on them.
func (s Spec) SameTemplate(other Spec, hashKey string) bool {
	if !s.SameImages(other) {
		return false // the hash would say the same, at a price
	}
	return Same(s.Unlabelled(hashKey).template(), other.Unlabelled(hashKey).template())
}

// Images maps "containers/NAME" and "initContainers/NAME" to the image.
func (s Spec) Images() map[string]string {
	images := map[string]string{}
	for _, field := range []string{"containers", "initContainers"} {
		for _, container := range s.podList(field) {
			image, _ := container["image"].(string)
			images[field+"/"+nameOf(container)] = image
		}
	}
	return images
}

// DistinctImages are the images of the spec, each once and in order.
func (s Spec) DistinctImages() []string {
	return slices.Compact(slices.Sorted(maps.Values(s.Images())))
}

// PulledImages are DistinctImages and those that volumes are made of.
func (s Spec) PulledImages() []string {
	images := s.DistinctImages()
	for _, volume := range s.podList("volumes") {
		source, _ := volume["image"].(map[string]any)
		if image, _ := source["reference"].(string); image != "" {
			images = append(images, image)
		}
	}
	slices.Sort(images)
	return slices.Compact(images)
}

// SameImages reports whether both specs name the same containers with the same images.
func (s Spec) SameImages(other Spec) bool {
	return maps.Equal(s.Images(), other.Images())
}

// DeepCopy returns a copy that shares nothing with s.
func (s Spec) DeepCopy() Spec { return Spec(runtime.DeepCopyJSON(s)) }

// SpecOf returns the spec of an object as it came from the API server. It shares
// everything with the object: whoever changes the object in place, changes it.
func SpecOf(object *unstructured.Unstructured) Spec {
	spec, _ := object.Object["spec"].(map[string]any)
	return Spec(spec)
}

func (s Spec) template() map[string]any {
	template, _ := s["template"].(map[string]any)
	return template
}

// canonical is the JSON of a value with its keys in order.
func canonical(value any) string {
	text, err := stdjson.Marshal(value)
	if err != nil {
		// Only values that came out of JSON get here, and those go back into it.
		panic(fmt.Sprintf("marshal %T: %v", value, err))
	}
	return string(text)
}

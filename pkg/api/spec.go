package api

import (
	"crypto/sha256"
	"encoding/hex"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"

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

var hashPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// IsHash tells whether a label value has the form of a template hash.
func IsHash(value string) bool { return hashPattern.MatchString(value) }

// ParseSpec reads the value of the request annotation.
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

// Equal tells whether both specs say the same. All come out of one JSON decoder, so
// equal ones are equal by value.
func (s Spec) Equal(other Spec) bool {
	return reflect.DeepEqual(s, other)
}

// Replicas is the desired number of pods; the API server's default is 1.
func (s Spec) Replicas() int32 {
	n, ok := s["replicas"].(int64)
	if !ok {
		return 1
	}
	return int32(n)
}

// WithReplicas returns the spec with another number of replicas.
func (s Spec) WithReplicas(n int32) Spec {
	out := maps.Clone(s)
	out["replicas"] = int64(n)
	return out
}

// Hash is the identity of the pod template: 32 hex digits over its canonical
// JSON without rcroll's own labels. The same template always has the same hash.
func (s Spec) Hash(hashKey string) string {
	sum := sha256.Sum256([]byte(canonical(s.Unlabelled(hashKey).template())))
	return hex.EncodeToString(sum[:16])
}

// SameTemplate tells whether both specs ask for the same pods, whatever labels
// rcroll put on them.
func (s Spec) SameTemplate(other Spec, hashKey string) bool {
	if !s.SameImages(other) {
		return false // the hash would say the same, at a price
	}
	return reflect.DeepEqual(s.Unlabelled(hashKey).template(), other.Unlabelled(hashKey).template())
}

// Selector is the spec's selector; nil if it has none.
func (s Spec) Selector() map[string]string { return stringMap(s["selector"]) }

// TemplateLabels are the labels of the pod template; nil if it has none.
func (s Spec) TemplateLabels() map[string]string {
	return stringMap(s.templateMetadata()["labels"])
}

// Images maps "containers/NAME" and "initContainers/NAME" to the image.
func (s Spec) Images() map[string]string {
	images := map[string]string{}
	podSpec, _ := s.template()["spec"].(map[string]any)
	for _, field := range []string{"containers", "initContainers"} {
		list, _ := podSpec[field].([]any)
		for _, item := range list {
			container, _ := item.(map[string]any)
			name, _ := container["name"].(string)
			image, _ := container["image"].(string)
			images[field+"/"+name] = image
		}
	}
	return images
}

// SameImages tells whether both specs name the same containers with the same images.
func (s Spec) SameImages(other Spec) bool {
	return reflect.DeepEqual(s.Images(), other.Images())
}

// RollLabels are the labels of rcroll's own that the selector and the template
// carry: the hash label (only where its value is a hash, for the key may be a
// label of the user's), and the marks of a promotion.
func (s Spec) RollLabels(hashKey string) (selector, template map[string]string) {
	return rollLabels(s.Selector(), hashKey), rollLabels(s.TemplateLabels(), hashKey)
}

// Unlabelled returns the spec without any label of rcroll's own, neither in the
// selector nor in the template: the spec as its user knows it.
func (s Spec) Unlabelled(hashKey string) Spec {
	isOwn := func(key, value string) bool { return isRollLabel(key, value, hashKey) }
	out := s.editable()
	dropLabels(out, "selector", isOwn)
	if metadata := out.templateMetadata(); metadata != nil {
		dropLabels(metadata, "labels", isOwn)
		if metadata["creationTimestamp"] == nil {
			delete(metadata, "creationTimestamp")
		}
	}
	return out
}

// Marked tells whether the spec carries a mark of a promotion.
func (s Spec) Marked() bool { return !s.Equal(s.Unmarked()) }

// Unmarked returns the spec without the marks of a promotion, neither in the
// selector nor in the template.
func (s Spec) Unmarked() Spec {
	isMark := func(key, _ string) bool { return key == SealedLabel || key == AdoptingLabel }
	out := s.editable()
	dropLabels(out, "selector", isMark)
	if metadata := out.templateMetadata(); metadata != nil {
		dropLabels(metadata, "labels", isMark)
	}
	return out
}

// Labelled returns the spec with the given labels added to its selector and to
// its template.
func (s Spec) Labelled(selector, template map[string]string) Spec {
	out := s.editable()
	addLabels(out, "selector", selector)
	if len(template) > 0 {
		addLabels(out.ensureTemplateMetadata(), "labels", template)
	}
	return out
}

// Hashed returns the spec as its pods are to be told apart from all others: in
// selector and template no label of rcroll's but hashKey=Hash. The selector of a
// spec that has none is what the API server would give it, the template's labels.
func (s Spec) Hashed(hashKey string) Spec {
	out := s.Unlabelled(hashKey)
	if len(out.Selector()) == 0 {
		addLabels(out, "selector", out.TemplateLabels())
	}
	label := map[string]string{hashKey: s.Hash(hashKey)}
	return out.Labelled(label, label)
}

// Sealed returns the spec hashed, without replicas, and with the seal: it selects no
// pod that there is.
func (s Spec) Sealed(hashKey string) Spec {
	hashed := s.Hashed(hashKey)
	seal := map[string]string{SealedLabel: hashed.Selector()[hashKey]}
	return hashed.Labelled(seal, seal).WithReplicas(0)
}

// DeepCopy returns a copy that shares nothing with s.
func (s Spec) DeepCopy() Spec { return Spec(runtime.DeepCopyJSON(s)) }

// editable returns a copy whose labels can be changed: selector, template, its
// metadata and their labels are its own, everything else is shared with s.
func (s Spec) editable() Spec {
	out := maps.Clone(s)
	if out == nil {
		out = Spec{}
	}
	own(out, "selector")
	own(own(own(out, "template"), "metadata"), "labels")
	return out
}

// own replaces a map in a map by a copy, and returns the copy; nil if there is none.
func own(parent map[string]any, field string) map[string]any {
	child, ok := parent[field].(map[string]any)
	if !ok {
		return nil
	}
	child = maps.Clone(child)
	parent[field] = child
	return child
}

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

func (s Spec) templateMetadata() map[string]any {
	metadata, _ := s.template()["metadata"].(map[string]any)
	return metadata
}

func (s Spec) ensureTemplateMetadata() map[string]any {
	if s.template() == nil {
		s["template"] = map[string]any{}
	}
	if s.templateMetadata() == nil {
		s.template()["metadata"] = map[string]any{}
	}
	return s.templateMetadata()
}

func isRollLabel(key, value, hashKey string) bool {
	switch key {
	case hashKey:
		return IsHash(value)
	case SealedLabel, AdoptingLabel:
		return true
	}
	return false
}

func rollLabels(labels map[string]string, hashKey string) map[string]string {
	maps.DeleteFunc(labels, func(key, value string) bool { return !isRollLabel(key, value, hashKey) })
	return labels
}

func dropLabels(parent map[string]any, field string, drop func(key, value string) bool) {
	labels, ok := parent[field].(map[string]any)
	if !ok {
		return
	}
	maps.DeleteFunc(labels, func(key string, value any) bool {
		text, _ := value.(string)
		return drop(key, text)
	})
	if len(labels) == 0 {
		delete(parent, field)
	}
}

func addLabels(parent map[string]any, field string, add map[string]string) {
	if len(add) == 0 {
		return
	}
	labels, ok := parent[field].(map[string]any)
	if !ok {
		labels = map[string]any{}
		parent[field] = labels
	}
	for key, value := range add {
		labels[key] = value
	}
}

func stringMap(value any) map[string]string {
	fields, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	out := make(map[string]string, len(fields))
	for key, value := range fields {
		out[key], _ = value.(string)
	}
	return out
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

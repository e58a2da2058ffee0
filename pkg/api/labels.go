package api

import (
	"cmp"
	"maps"
	"regexp"
)

var hashPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// IsHash reports whether a label value has the form of a template hash.
func IsHash(value string) bool { return hashPattern.MatchString(value) }

// Selector is the spec's selector; nil if it has none.
func (s Spec) Selector() map[string]string { return stringMap(s["selector"]) }

// TemplateLabels are the labels of the pod template; nil if it has none.
func (s Spec) TemplateLabels() map[string]string {
	return stringMap(s.templateMetadata()["labels"])
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
	out := s.withoutLabels(isOwn)
	if metadata := out.templateMetadata(); metadata != nil && metadata["creationTimestamp"] == nil {
		delete(metadata, "creationTimestamp")
	}
	return out
}

// Promoting is the hash of the template that is being promoted, which a mark of the
// promotion holds; empty if there is none.
func (s Spec) Promoting() string {
	return cmp.Or(s.Selector()[SealedLabel], s.TemplateLabels()[AdoptingLabel])
}

// Marked reports whether the spec carries a mark of a promotion.
func (s Spec) Marked() bool { return !s.Equal(s.Unmarked()) }

// Unmarked returns the spec without the marks of a promotion, neither in the
// selector nor in the template.
func (s Spec) Unmarked() Spec { return s.withoutLabels(isPromotionMark) }

// Opened returns the spec of a new ReplicationController without its seal.
func (s Spec) Opened() Spec {
	return s.withoutLabels(func(key, _ string) bool { return key == SealedLabel })
}

// withoutLabels returns the spec without those labels in the selector and in the template.
func (s Spec) withoutLabels(drop func(key, value string) bool) Spec {
	out := s.editable()
	dropLabels(out, "selector", drop)
	if metadata := out.templateMetadata(); metadata != nil {
		dropLabels(metadata, "labels", drop)
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
	return key == hashKey && IsHash(value) || isPromotionMark(key, value)
}

func isPromotionMark(key, _ string) bool {
	return key == SealedLabel || key == AdoptingLabel || key == SuccessorLabel
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

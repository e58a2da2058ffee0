package mutate

import "github.com/rcroll/rcroll/pkg/api"

// reservedAnnotations are written by rcroll only.
var reservedAnnotations = []string{
	api.RequestAnnotation, api.RequestedByAnnotation, api.RequestedAtAnnotation,
	api.ApprovedByAnnotation, api.ApprovedAtAnnotation,
	api.LiveAnnotation, api.PromotingSinceAnnotation, api.PromotedAnnotation, api.OverriddenAnnotation,
	api.ChangeCauseAnnotation, api.CommandAnnotation,
}

// guardReserved refuses to let a user add or change what is rcroll's.
// Removing it is no offence: manifests do not know it, and record puts it back.
func guardReserved(write Write) error {
	annotations := write.annotations()
	for _, key := range reservedAnnotations {
		if annotations.sets(key) {
			return about(name(write.New), errReserved(annotationsPath.Key(key)))
		}
	}
	if write.labels().sets(api.RollingLabel) {
		return about(name(write.New), errReserved(labelsPath.Key(api.RollingLabel)))
	}
	return guardMarks(write)
}

// guardMarks refuses the marks of a promotion in a user's spec.
func guardMarks(write Write) error {
	live, wanted := api.SpecOf(write.Old), api.SpecOf(write.New)
	selector := entries{before: live.Selector(), after: wanted.Selector()}
	template := entries{before: live.TemplateLabels(), after: wanted.TemplateLabels()}
	for _, key := range []string{api.SealedLabel, api.AdoptingLabel, api.SuccessorLabel} {
		switch {
		case template.sets(key):
			return about(name(write.New), errReservedMark(templateLabelsPath.Key(key)))
		case selector.sets(key):
			return about(name(write.New), errReservedMark(selectorPath.Key(key)))
		}
	}
	return nil
}

package mutate

import (
	"slices"

	"github.com/rcroll/rcroll/pkg/api"
)

// guardSettings refuses settings that this write adds or changes and no rollout
// could go by: its author is there to correct them, later nobody is.
func guardSettings(write Write) error {
	annotations := write.annotations()
	changed := slices.DeleteFunc(annotations.changed(), func(key string) bool { return isReserved(key) || key == api.ApproveAnnotation })
	if len(changed) == 0 {
		return nil
	}
	return checkSettings(name(write.New), annotations.after, changed)
}

func isReserved(key string) bool { return slices.Contains(reservedAnnotations, key) }

// checkSettings says what is wrong with the settings among the annotations; of the keys
// that changed, with unknown ones, too.
func checkSettings(rc string, annotations map[string]string, changed []string) error {
	if err := api.CheckSettings(annotations, changed); err != nil {
		return about(rc, err)
	}
	return nil
}

// guardLabels refuses labels that look like settings: they would do nothing.
func guardLabels(write Write) error {
	labels := write.labels()
	for _, key := range labels.changed() {
		if key != api.RollingLabel && labels.sets(key) {
			return about(name(write.New), errSettingAsLabel(key))
		}
	}
	return nil
}

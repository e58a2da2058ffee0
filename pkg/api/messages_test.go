package api

import (
	"testing"

	"github.com/rcroll/rcroll/test/golden/messages"
)

func TestMessages(t *testing.T) {
	setting := func(key, value string) messages.Message {
		return messages.Error(key+"="+value, CheckSettings(map[string]string{key: value}, []string{key}))
	}
	messages.Check(t,
		setting(MaxSurgeAnnotation, "lots"),
		setting(MaxSurgeAnnotation, "0"),
		setting(MaxUnavailableAnnotation, "101%"),
		setting(MaxUnavailableAnnotation, "2147483647"),
		setting(UpdatePeriodAnnotation, "10"),
		setting(ProgressDeadlineAnnotation, "0s"),
		setting(OnFailureAnnotation, "undo"),
		setting(StepsAnnotation, "1,wait"),
		setting(StepsAnnotation, "50%,pause,25%"),
		setting(PausedAnnotation, "perhaps"),
		setting(EnabledKey, "no"),
		setting(Prefix+"max-surg", "2"),
		messages.Error("two at once", CheckSettings(map[string]string{MaxSurgeAnnotation: "lots", OnFailureAnnotation: "undo"}, nil)),
	)
}

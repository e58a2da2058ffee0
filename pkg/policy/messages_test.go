package policy

import (
	"testing"
	"time"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/golden/messages"
)

func TestMessages(t *testing.T) {
	allowed := &v1alpha1.AllowedImages{Prefixes: []string{"registry.example.com/", "docker.io/library/"}, Message: "push to registry.example.com first"}
	messages.Check(t,
		messages.Message{When: "frozen", Text: frozenMessage("freeze", "incident 4711")},
		messages.Message{When: "closed", Text: windowMessage("production", "", time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))},
		messages.Message{When: "closed for good", Text: windowMessage("production", "end of life", time.Time{})},
		messages.Message{When: "queued", Text: queuedMessage("production", 3)},
		messages.Error("limit", errLimit("production", api.MaxSurgeAnnotation, "50%", "at most", "25%")),
		messages.Error("image", errImage("production", "tomcat:8", allowed)),
		messages.Error("rule", errImageRule("production", allowed, errRuleFalse)),
		messages.Error("invalid rule", errImageRule("production", &v1alpha1.AllowedImages{}, errRuleInvalid)),
		messages.Error("overridden by nobody", ErrNoPolicy("unheard-of", []string{"a", "b"})),
		messages.Error("overridden by somebody", ErrOverride("production")),
		messages.Error("approved by somebody", ErrApprove("canary")),
	)
}

package rollout

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/rcroll/rcroll/pkg/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestMessages compares all that users read with testdata/messages.golden.
func TestMessages(t *testing.T) {
	s := Snapshot{
		RC:    Member{Name: "tomcat", UID: "rc", Replicas: 4},
		Owned: []Member{{Name: "tomcat-v8", UID: "new", Replicas: 2}}, Desired: 5, Requested: "v8", Live: "v7",
		Strategy: api.Strategy{MaxSurge: intstr.FromInt32(1), ProgressDeadline: 10 * time.Minute, Steps: make([]api.Step, 4)},
	}
	back := s
	back.Requested = "v7"
	changed := s
	changed.Differs = []string{"spec.template.spec.containers[0].image"}
	problem := Problem{Reason: "ImagePullBackOff", Summary: "container tomcat cannot pull image tomcat:8", Detail: "not found (pod tomcat-v8-x)"}
	got := strings.Join([]string{
		goalMessage(s), goalMessage(back),
		problemMessage(s, problem), problemMessage(back, Problem{Reason: ReasonNotReady, Summary: "pods do not become ready"}),
		deadlineMessage(s, Problem{Reason: ReasonStepFailed, Summary: stepFailedMessage, Detail: "denied by policy"}),
		deadlineMessage(s, Problem{Reason: ReasonWaiting, Summary: "tomcat-v8 is being deleted"}),
		deadlineMessage(s, problem), deadlineMessage(back, PodReport{}.cause()),
		summaryMessage(s, s.Owned[0], []Member{s.RC}), scalingMessage(s.RC, 3), scalingMessage(s.Owned[0], 3),
		rollbackMessage(back), rolledBackMessage(back, deadlineMessage(s, problem)), rollbackEndMessage(back),
		promotionMessage(s, s.Owned[0]), takeoverMessage(s), completeMessage(s), completeMessage(changed),
		pausedMessage, pausedAtStepMessage(s, position{number: 2, pause: &api.Step{Pause: true}, size: 1}),
		pausedAtStepMessage(s, position{number: 4, pause: &api.Step{Pause: true, Duration: 10 * time.Minute}, size: 3}), nameConflictMessage(s),
	}, "\n") + "\n"
	const golden = "testdata/messages.golden"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

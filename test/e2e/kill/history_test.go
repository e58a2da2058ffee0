package kill

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/e2e/manifest"
)

// Of the revisions beside the live one the oldest go, also of what another agent recorded.
// (TestKilledAtEveryWrite checks that none is lost or recorded twice.)
func TestHistoryIsPruned(t *testing.T) {
	withoutAgent(t)
	s := given(t, manifest.Replicas(1))
	roll := func(image string) {
		require.NoError(t, s.ask(image))
		s.Await(image+" serves", harness.Serves(image, 1))
	}
	first := runAgent(t, nil, alone, "--revision-history-limit=3")
	for _, image := range []string{"tomcat:8", "tomcat:9"} {
		roll(image)
	}
	assert.Equal(t, []string{"1 tomcat:7", "2 tomcat:8 Succeeded", "3 tomcat:9 Succeeded"}, s.History())
	first.kill()

	runAgent(t, nil, alone, "--revision-history-limit=1")
	roll("tomcat:10")
	assert.Equal(t, []string{"3 tomcat:9 Succeeded", "4 tomcat:10 Succeeded"}, s.History())
	roll("tomcat:9")
	assert.Equal(t, []string{"4 tomcat:10 Succeeded", "5 tomcat:9 Succeeded"}, s.History(), "once more is later")
}

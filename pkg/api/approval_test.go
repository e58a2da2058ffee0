package api_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rcroll/rcroll/pkg/api"
)

func TestApproval(t *testing.T) {
	approval, err := api.ParseApproval(hash + "/2")
	require.NoError(t, err)
	assert.Equal(t, api.Approval{Hash: hash, Step: 2}, approval)
	assert.Equal(t, hash+"/2", approval.String())
	for _, text := range []string{"", "2", "true", "/2", hash, hash + "/", hash + "/0", hash + "/-1", hash + "/51", hash + "/2/3", "x" + hash + "/2"} {
		_, err := api.ParseApproval(text)
		assert.ErrorContains(t, err, "must be HASH/STEP", text)
	}

	steps, err := api.ParseSteps("1,pause,50%")
	require.NoError(t, err)
	assert.NoError(t, approval.Check(hash, steps))
	assert.ErrorContains(t, approval.Check("other", steps), "is for another rolling update: the one in progress is to the template other")
	assert.ErrorContains(t, approval.Check(hash, steps[:1]), `step 2 is no pause: the steps are "1"`)
	approval.Step = 3
	assert.ErrorContains(t, approval.Check(hash, steps), `step 3 is no pause: the steps are "1,pause,50%"`)

	annotations := map[string]string{api.ApproveAnnotation: hash + "/2"}
	assert.Equal(t, 2, api.ApprovedStep(annotations, hash))
	assert.Zero(t, api.ApprovedStep(annotations, "another"), "an old approval is worth nothing")
	assert.Zero(t, api.ApprovedStep(map[string]string{api.ApproveAnnotation: "yes"}, hash))
	assert.Zero(t, api.ApprovedStep(nil, hash))
}

package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/history"
)

// TestRightsAreTold: an override and an approval are each announced once, and recorded.
func TestRightsAreTold(t *testing.T) {
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	overridden := api.Overridden{Policies: []string{"freeze", "windows"}, By: "alice", Until: until}.String()
	told := []string{
		"Warning PolicyOverridden alice has overridden RolloutPolicy freeze, windows until " + until.Format(time.RFC3339),
		"Normal StepApproved Step 2 was approved by bob",
	}
	rc := rollingRC(t, 5)
	rc.Annotations[api.OverriddenAnnotation] = overridden
	rc.Annotations[api.ApproveAnnotation] = api.Approval{Hash: request(t, 5).Hash(api.DefaultHashLabelKey), Step: 2}.String()
	rc.Annotations[api.ApprovedByAnnotation] = "bob"
	c := recording(rc)
	c.pass(t)
	assert.Subset(t, c.announced(), told)
	list := &appsv1.ControllerRevisionList{}
	require.NoError(t, c.List(t.Context(), list))
	require.Len(t, list.Items, 2)
	for i := range list.Items {
		if revision := history.Of(&list.Items[i]); revision.Result == history.Progressing {
			assert.Equal(t, overridden, revision.Overridden)
			assert.Equal(t, "bob", revision.ApprovedBy)
		}
	}
	c.pass(t)
	for _, event := range c.announced() {
		assert.NotContains(t, told, event, "told once")
	}
}

// What is over, or was for another rollout, is not told.
func TestOldRightsAreNotTold(t *testing.T) {
	rc := rollingRC(t, 5)
	rc.Annotations[api.OverriddenAnnotation] = api.Overridden{Policies: []string{"freeze"}, By: "alice", Until: time.Now().Add(-time.Second)}.String()
	rc.Annotations[api.ApproveAnnotation] = api.Approval{Hash: "00000000000000000000000000000000", Step: 2}.String()
	c := newCluster(true, rc)
	c.pass(t)
	for _, event := range c.announced() {
		assert.NotContains(t, event, "PolicyOverridden")
		assert.NotContains(t, event, "StepApproved")
	}
}

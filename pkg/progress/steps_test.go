package progress_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// TestStepsOfAPolicy: they are read where the policy is known. Where it is not, a pause is
// seen by what the agent tells, and not what ends it.
func TestStepsOfAPolicy(t *testing.T) {
	told := condition(rollout.Progressing, corev1.ConditionUnknown, rollout.ReasonPausedAtStep, time.Minute)
	rc := tomcat("tomcat:7", 4, requesting("tomcat:8"), told)
	others := []*unstructured.Unstructured{owned("tomcat:8", 1)}
	known := policy.Compile([]v1alpha1.RolloutPolicy{{Spec: v1alpha1.RolloutPolicySpec{Defaults: &v1alpha1.RolloutDefaults{
		Steps: []v1alpha1.Step{{Replicas: ptr.To[int32](1)}, {Pause: &v1alpha1.Pause{}}, {Percent: ptr.To[int32](50)}}}}}}).For(policy.Target{})
	r := progress.Under(known, rc, others)
	assert.Equal(t, progress.PausedAtStep, r.Phase)
	assert.Equal(t, "step 2 of 3, waiting for approval", r.StepText())
	assert.True(t, r.NeedsApproval())

	r = progress.Of(rc, others)
	assert.Equal(t, progress.PausedAtStep, r.Phase)
	assert.Equal(t, "a step of a RolloutPolicy that cannot be read", r.StepText())
	assert.False(t, r.NeedsApproval())
	assert.Equal(t, progress.InProgress, (&progress.Follower{}).Observe(r))

	r = progress.Under(known, tomcat("tomcat:7", 4, requesting("tomcat:8"), told, annotated(api.StepsAnnotation, "1,pause")), others)
	assert.Equal(t, "step 2 of 2, waiting for approval", r.StepText(), "an own setting goes before")
}

func TestSteps(t *testing.T) {
	hash := spec("tomcat:8", 5).Hash(api.DefaultHashLabelKey)
	steps := annotated(api.StepsAnnotation, "1,pause,50%,pause=10m")
	told := condition(rollout.Progressing, corev1.ConditionUnknown, rollout.ReasonPausedAtStep, time.Minute)
	approved := annotated(api.ApproveAnnotation, hash+"/2")
	for name, c := range map[string]struct {
		rc    *unstructured.Unstructured
		new   int64
		phase progress.Phase
		text  string
		needs bool
	}{
		"none":                      {rc: tomcat("tomcat:7", 4, requesting("tomcat:8")), new: 1, phase: progress.Rolling},
		"before the first pod":      {rc: tomcat("tomcat:7", 5, requesting("tomcat:8"), steps), phase: progress.Rolling, text: "step 1 of 4"},
		"the pause is yet to begin": {rc: tomcat("tomcat:7", 4, requesting("tomcat:8"), steps), new: 1, phase: progress.Rolling, text: "step 2 of 4"},
		"at the pause":              {rc: tomcat("tomcat:7", 4, requesting("tomcat:8"), steps, told), new: 1, phase: progress.PausedAtStep, text: "step 2 of 4, waiting for approval", needs: true},
		"approved just now":         {rc: tomcat("tomcat:7", 4, requesting("tomcat:8"), steps, told, approved), new: 1, phase: progress.Rolling, text: "step 3 of 4"},
		"an old approval":           {rc: tomcat("tomcat:7", 4, requesting("tomcat:8"), steps, told, annotated(api.ApproveAnnotation, hash[1:]+"0/2")), new: 1, phase: progress.PausedAtStep, text: "step 2 of 4, waiting for approval", needs: true},
		"at the next pause":         {rc: tomcat("tomcat:7", 2, requesting("tomcat:8"), steps, told, approved), new: 3, phase: progress.PausedAtStep, text: "step 4 of 4, pause=10m"},
		"all are over":              {rc: tomcat("tomcat:7", 2, requesting("tomcat:8"), steps, annotated(api.ApproveAnnotation, hash+"/4")), new: 3, phase: progress.Rolling},
		"paused by a user":          {rc: tomcat("tomcat:7", 4, requesting("tomcat:8"), steps, told, annotated(api.PausedAnnotation, "true")), new: 1, phase: progress.Paused},
		"cancelled":                 {rc: tomcat("tomcat:7", 4, requesting("tomcat:7"), steps, told, annotated(api.PromotedAnnotation, "x")), new: 1, phase: progress.RollingBack},
	} {
		t.Run(name, func(t *testing.T) {
			r := progress.Of(c.rc, []*unstructured.Unstructured{owned("tomcat:8", c.new)})
			assert.Equal(t, c.phase, r.Phase)
			assert.Equal(t, c.text, r.StepText())
			assert.Equal(t, c.needs, r.NeedsApproval())
		})
	}
}

package rcroll

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/api/v1alpha1"
	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/policy"
)

func TestHoldLine(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	overridden := map[string]string{api.OverriddenAnnotation: api.Overridden{Policies: []string{"p"}, Until: now.Add(time.Minute)}.String()}
	queued := &corev1.ReplicationControllerCondition{Reason: "Queued", Message: "after others"}
	for name, c := range map[string]struct {
		spec        v1alpha1.RolloutPolicySpec
		annotations map[string]string
		progressing *corev1.ReplicationControllerCondition
		want        string
	}{
		"free":       {v1alpha1.RolloutPolicySpec{}, nil, nil, "a rolling update may begin now"},
		"frozen":     {v1alpha1.RolloutPolicySpec{Frozen: &v1alpha1.Freeze{Reason: "r"}}, nil, nil, "a rolling update does not begin now: RolloutPolicy p holds it: r"},
		"overridden": {v1alpha1.RolloutPolicySpec{Frozen: &v1alpha1.Freeze{Reason: "r"}}, overridden, nil, "a rolling update may begin now: overridden is RolloutPolicy p"},
		"a queue":    {v1alpha1.RolloutPolicySpec{MaxConcurrentRollouts: ptr.To[int32](2)}, nil, queued, "a rolling update may begin now, in its turn: RolloutPolicy p allows 2 at once: it begins in its turn"},
		"queued":     {v1alpha1.RolloutPolicySpec{MaxConcurrentRollouts: ptr.To[int32](2)}, map[string]string{api.RequestAnnotation: "{}"}, queued, "the rolling update waits: after others"},
	} {
		t.Run(name, func(t *testing.T) {
			e := policy.Compile([]v1alpha1.RolloutPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: c.spec}}).For(policy.Target{})
			assert.Equal(t, c.want, holdLine(e, c.annotations, c.progressing, now))
		})
	}
}

package drain

import (
	"testing"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/rollout"
)

// TestProgress: which rollouts are left to end by themselves, and which are cancelled.
func TestProgress(t *testing.T) {
	request := map[string]string{api.RequestAnnotation: "{}"}
	with := func(key, value string) map[string]string {
		return map[string]string{api.RequestAnnotation: "{}", key: value}
	}
	stalled := []corev1.ReplicationControllerCondition{
		{Type: rollout.Progressing, Status: corev1.ConditionFalse, Reason: rollout.ReasonDeadlineExceeded},
		{Type: rollout.Stalled, Status: corev1.ConditionTrue, Reason: "ImagePullBackOff"},
	}
	for name, c := range map[string]struct {
		annotations map[string]string
		conditions  []corev1.ReplicationControllerCondition
		early, late bool
	}{
		"rolls":                    {request, nil, false, true},
		"has failed":               {request, stalled, true, true},
		"is paused":                {with(api.PausedAnnotation, api.True), nil, true, true},
		"is cancelled":             {with(api.PromotedAnnotation, "x"), nil, false, false},
		"is cancelled, and failed": {with(api.PromotedAnnotation, "x"), stalled, false, false},
		"has no request any more":  {nil, nil, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			rc := corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "tomcat", Namespace: "shop", Annotations: c.annotations}}
			rc.Status.Conditions = c.conditions
			for timeIsUp, cancelled := range map[bool]bool{false: c.early, true: c.late} {
				p := progressOf([]corev1.ReplicationController{rc}, timeIsUp)
				assert.Equal(t, cancelled, len(p.cancel) == 1)
				assert.Len(t, p.left, 1)
				assert.Contains(t, p.left[0], "rc/tomcat in namespace shop (")
			}
		})
	}
	both := corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Annotations: with(api.PausedAnnotation, api.True)}}
	both.Annotations[api.PromotedAnnotation] = "x"
	p := progressOf([]corev1.ReplicationController{both}, false)
	assert.Empty(t, p.cancel)
	assert.Len(t, p.resume, 1, "cancelled and paused")
	owned := corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "tomcat-x", Namespace: "shop"}}
	owned.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&metav1.ObjectMeta{Name: "tomcat", UID: "u"}, api.GroupVersionKind)}
	p = progressOf([]corev1.ReplicationController{owned}, true)
	assert.Empty(t, p.cancel, "an owned one goes with its rollout")
	assert.Equal(t, []string{"rc/tomcat-x in namespace shop (of rc/tomcat)"}, p.left)
}

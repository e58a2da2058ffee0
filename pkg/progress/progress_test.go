package progress_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/progress"
	"github.com/rcroll/rcroll/pkg/rollout"
)

var asked = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

type edit func(*unstructured.Unstructured)

func spec(image string, replicas int64) api.Spec {
	return api.Spec{"replicas": replicas, "selector": map[string]any{"app": "tomcat"}, "template": map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"app": "tomcat"}},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "tomcat", "image": image}}}}}
}

// tomcat has n pods, all of them of its template and available.
func tomcat(image string, n int64, edits ...edit) *unstructured.Unstructured {
	rc := api.EmptyRC()
	rc.SetNamespace("shop")
	rc.SetName("tomcat")
	rc.SetUID("1")
	rc.SetGeneration(2)
	rc.Object["spec"] = map[string]any(spec(image, n))
	rc.Object["status"] = map[string]any{"observedGeneration": int64(2), "replicas": n, "fullyLabeledReplicas": n, "readyReplicas": n, "availableReplicas": n}
	for _, edit := range edits {
		edit(rc)
	}
	return rc
}

func annotated(key, value string) edit {
	return func(rc *unstructured.Unstructured) {
		annotations := rc.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[key] = value
		rc.SetAnnotations(annotations)
	}
}

func requesting(image string) edit {
	return func(rc *unstructured.Unstructured) {
		annotated(api.RequestAnnotation, spec(image, 5).String())(rc)
		annotated(api.RequestedAtAnnotation, asked.Format(time.RFC3339))(rc)
		rc.SetLabels(map[string]string{api.RollingLabel: api.True})
	}
}

func cancelling(image string) edit {
	return func(rc *unstructured.Unstructured) {
		requesting(image)(rc)
		annotated(api.PromotedAnnotation, spec(image, 5).Hash("deployment"))(rc)
	}
}

func status(field string, n int64) edit {
	return func(rc *unstructured.Unstructured) { rc.Object["status"].(map[string]any)[field] = n }
}

func condition(kind corev1.ReplicationControllerConditionType, value corev1.ConditionStatus, reason string, after time.Duration) edit {
	return func(rc *unstructured.Unstructured) {
		status := rc.Object["status"].(map[string]any)
		list, _ := status["conditions"].([]any)
		status["conditions"] = append(list, map[string]any{"type": string(kind), "status": string(value), "reason": reason,
			"message": "because", "lastTransitionTime": asked.Add(after).Format(time.RFC3339)})
	}
}

func sealed(image string) edit {
	return func(rc *unstructured.Unstructured) {
		rc.Object["spec"] = map[string]any(spec(image, 5).Sealed("deployment"))
	}
}

// owned is a ReplicationController of the rollout of tomcat to an image.
func owned(image string, n int64, edits ...edit) *unstructured.Unstructured {
	rc := api.NewRC(tomcat("tomcat:7", 5), spec(image, 5), "deployment")
	rc.SetCreationTimestamp(metav1.NewTime(asked))
	rc.Object["spec"].(map[string]any)["replicas"] = n
	rc.Object["status"] = map[string]any{"replicas": n, "availableReplicas": n}
	for _, edit := range edits {
		edit(rc)
	}
	return rc
}

func TestPhase(t *testing.T) {
	failed := func(after time.Duration) edit {
		return func(rc *unstructured.Unstructured) {
			condition(rollout.Progressing, corev1.ConditionFalse, rollout.ReasonDeadlineExceeded, after)(rc)
			condition(rollout.Stalled, corev1.ConditionTrue, "ImagePullBackOff", after)(rc)
		}
	}
	rollingBack := func(rc *unstructured.Unstructured) {
		condition(rollout.Progressing, corev1.ConditionFalse, rollout.ReasonDeadlineExceeded, time.Minute)(rc)
		condition(rollout.Stalled, corev1.ConditionTrue, rollout.ReasonRollingBack, time.Minute)(rc)
	}
	since := annotated(api.PromotingSinceAnnotation, asked.Format(time.RFC3339))
	for name, c := range map[string]struct {
		rc     *unstructured.Unstructured
		others []*unstructured.Unstructured
		want   progress.Phase
		reason string
	}{
		"at rest":                               {rc: tomcat("tomcat:7", 5), want: progress.Complete},
		"the status lags":                       {rc: tomcat("tomcat:7", 5, status("observedGeneration", 1)), want: progress.Settling},
		"a pod is not ready":                    {rc: tomcat("tomcat:7", 5, status("readyReplicas", 4)), want: progress.Settling},
		"a pod is not available":                {rc: tomcat("tomcat:7", 5, status("availableReplicas", 4)), want: progress.Settling},
		"a pod is of another template":          {rc: tomcat("tomcat:7", 5, status("fullyLabeledReplicas", 4)), want: progress.Settling},
		"a pod too many":                        {rc: tomcat("tomcat:7", 5, status("replicas", 6)), want: progress.Settling},
		"rolled back":                           {rc: tomcat("tomcat:7", 5, condition(rollout.Progressing, corev1.ConditionFalse, rollout.ReasonRolledBack, 0)), want: progress.RolledBack, reason: rollout.ReasonRolledBack},
		"requested, and nobody acted":           {rc: tomcat("tomcat:7", 5, requesting("tomcat:8")), want: progress.Rolling},
		"only the label is there":               {rc: tomcat("tomcat:7", 5, func(rc *unstructured.Unstructured) { rc.SetLabels(map[string]string{api.RollingLabel: api.True}) }), want: progress.Failed, reason: rollout.ReasonInvalidRequest},
		"half-way":                              {rc: tomcat("tomcat:7", 3, requesting("tomcat:8")), others: []*unstructured.Unstructured{owned("tomcat:8", 2)}, want: progress.Rolling},
		"paused":                                {rc: tomcat("tomcat:7", 3, requesting("tomcat:8"), annotated(api.PausedAnnotation, "true")), others: []*unstructured.Unstructured{owned("tomcat:8", 2)}, want: progress.Paused},
		"invalid settings":                      {rc: tomcat("tomcat:7", 3, requesting("tomcat:8"), annotated(api.MaxSurgeAnnotation, "lots")), want: progress.Failed, reason: rollout.ReasonInvalidSettings},
		"failed":                                {rc: tomcat("tomcat:7", 5, requesting("tomcat:8"), failed(time.Minute)), want: progress.Failed, reason: "ImagePullBackOff"},
		"an earlier one failed":                 {rc: tomcat("tomcat:7", 5, requesting("tomcat:8"), failed(-time.Minute)), want: progress.Rolling},
		"an earlier one failed, in that second": {rc: tomcat("tomcat:7", 5, requesting("tomcat:8"), failed(0)), want: progress.Rolling},
		"failed, then scaled":                   {rc: tomcat("tomcat:7", 5, requesting("tomcat:8"), annotated(api.RequestedAtAnnotation, asked.Add(time.Hour).Format(time.RFC3339)), failed(time.Minute)), others: []*unstructured.Unstructured{owned("tomcat:8", 1)}, want: progress.Failed, reason: "ImagePullBackOff"},
		"cancelled":                             {rc: tomcat("tomcat:7", 3, cancelling("tomcat:7")), others: []*unstructured.Unstructured{owned("tomcat:8", 2)}, want: progress.RollingBack},
		"cancelled, and all is undone":          {rc: tomcat("tomcat:7", 5, cancelling("tomcat:7")), want: progress.RollingBack},
		"rolled back for a failure":             {rc: tomcat("tomcat:7", 5, cancelling("tomcat:7"), rollingBack), others: []*unstructured.Unstructured{owned("tomcat:8", 1)}, want: progress.RollingBack, reason: rollout.ReasonDeadlineExceeded},
		"sealed":                                {rc: tomcat("tomcat:8", 0, requesting("tomcat:8"), sealed("tomcat:8"), since), others: []*unstructured.Unstructured{owned("tomcat:8", 5)}, want: progress.Promoting},
		"sealed, though paused":                 {rc: tomcat("tomcat:8", 0, requesting("tomcat:8"), sealed("tomcat:8"), since, annotated(api.PausedAnnotation, "true")), want: progress.Promoting},
		"opened, and the end to be recorded":    {rc: tomcat("tomcat:8", 5, cancelling("tomcat:8"), since), want: progress.Promoting},
		"opened, and a newer request":           {rc: tomcat("tomcat:8", 5, requesting("tomcat:9"), since), want: progress.Rolling},
	} {
		t.Run(name, func(t *testing.T) {
			r := progress.Of(c.rc, c.others)
			assert.Equal(t, c.want, r.Phase)
			assert.Equal(t, c.reason, r.Reason)
		})
	}
}

func TestMembers(t *testing.T) {
	another := owned("tomcat:8", 4)
	another.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(&metav1.ObjectMeta{Name: "tomcat", UID: "2"}, api.GroupVersionKind)})
	r := progress.Of(tomcat("tomcat:7", 2, requesting("tomcat:9")), []*unstructured.Unstructured{
		tomcat("tomcat:7", 5), owned("tomcat:8", 1), owned("tomcat:9", 2), another})
	assert.Equal(t, "tomcat-"+spec("tomcat:9", 5).Hash("deployment"), r.NewName)
	assert.Equal(t, r.NewName, r.New.Name)
	assert.Len(t, r.Old, 1)
	assert.EqualValues(t, 5, r.Desired)
	assert.EqualValues(t, 2, r.Updated())
	assert.Equal(t, []string{"tomcat:9"}, r.Requested.DistinctImages())
	least, most := r.Bounds()
	assert.Equal(t, [2]int64{5, 6}, [2]int64{least, most})
}

func TestFollower(t *testing.T) {
	rolling := progress.Of(tomcat("tomcat:7", 3, requesting("tomcat:8")), nil)
	cancelled := progress.Of(tomcat("tomcat:7", 3, cancelling("tomcat:7")), []*unstructured.Unstructured{owned("tomcat:8", 1)})
	promoting := progress.Of(tomcat("tomcat:8", 0, requesting("tomcat:8"), sealed("tomcat:8")), nil)
	again := progress.Of(tomcat("tomcat:8", 5, requesting("tomcat:9")), nil)
	old, done := progress.Of(tomcat("tomcat:7", 5), nil), progress.Of(tomcat("tomcat:8", 5), nil)
	late := progress.Of(tomcat("tomcat:8", 5, status("availableReplicas", 4)), nil)
	for name, c := range map[string]struct {
		seen []progress.Rollout
		want progress.Verdict
	}{
		"nothing was ever asked for":                  {[]progress.Rollout{old}, progress.Done},
		"fulfilled":                                   {[]progress.Rollout{rolling, promoting, done}, progress.Done},
		"fulfilled, and hardly anything was seen":     {[]progress.Rollout{rolling, done}, progress.Done},
		"seen from the promotion on":                  {[]progress.Rollout{promoting, done}, progress.Done},
		"cancelled":                                   {[]progress.Rollout{rolling, cancelled, old}, progress.WasRolledBack},
		"cancelled, unseen":                           {[]progress.Rollout{rolling, old}, progress.WasRolledBack},
		"cancelled before":                            {[]progress.Rollout{cancelled, old}, progress.WasRolledBack},
		"promoted, and the next one is under way":     {[]progress.Rollout{rolling, promoting, again}, progress.InProgress},
		"promoted, and the next one was cancelled":    {[]progress.Rollout{rolling, promoting, again, done}, progress.WasRolledBack},
		"a pod died at the end":                       {[]progress.Rollout{rolling, promoting, late}, progress.InProgress},
		"a pod died at the end, and another one came": {[]progress.Rollout{rolling, promoting, late, done}, progress.Done},
	} {
		t.Run(name, func(t *testing.T) {
			var follower progress.Follower
			var got progress.Verdict
			for _, r := range c.seen {
				got = follower.Observe(r)
			}
			assert.Equal(t, c.want, got)
		})
	}
}

package observe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
)

// script feeds a fold with events, a second apart, and collects the moments.
type script struct {
	fold    *fold
	at      time.Time
	moments []Moment
}

func newScript() *script {
	return &script{fold: newFold("tomcat"), at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (s *script) event(kind watch.EventType, objects ...runtime.Object) *script {
	for _, object := range objects {
		s.at = s.at.Add(time.Second)
		s.moments = append(s.moments, s.fold.apply(s.at, kind, object))
	}
	return s
}

func (s *script) added(objects ...runtime.Object) *script { return s.event(watch.Added, objects...) }

func (s *script) modified(objects ...runtime.Object) *script {
	return s.event(watch.Modified, objects...)
}

func (s *script) deleted(objects ...runtime.Object) *script {
	return s.event(watch.Deleted, objects...)
}

// begin forgets the moments before the last one.
func (s *script) begin() *script {
	s.moments = s.moments[len(s.moments)-1:]
	return s
}

func (s *script) result() Result { return Result{Moments: s.moments} }

func pod(name string, edits ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)}}
	p.Spec.Containers = []corev1.Container{{Name: "tomcat", Image: "tomcat:7"}}
	for _, edit := range edits {
		edit(p)
	}
	return p
}

func ready(p *corev1.Pod) {
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
}

func terminating(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.Now()) }

func failed(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }

func rc(name string, replicas int32, edits ...func(*corev1.ReplicationController)) *corev1.ReplicationController {
	rc := &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)}}
	rc.Spec.Replicas = &replicas
	rc.Spec.Selector = map[string]string{"app": "tomcat"}
	rc.Spec.Template = &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "tomcat", Image: "tomcat:7"}},
	}}
	for _, edit := range edits {
		edit(rc)
	}
	return rc
}

func image(name string) func(*corev1.ReplicationController) {
	return func(rc *corev1.ReplicationController) { rc.Spec.Template.Spec.Containers[0].Image = name }
}

func sealed(rc *corev1.ReplicationController) { rc.Spec.Selector[api.SealedLabel] = "hash" }

func uid(uid types.UID) func(*corev1.ReplicationController) {
	return func(rc *corev1.ReplicationController) { rc.UID = uid }
}

func managedBy(manager, fields string) func(*corev1.ReplicationController) {
	return func(rc *corev1.ReplicationController) {
		entry := metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate}
		entry.FieldsV1 = &metav1.FieldsV1{}
		entry.FieldsV1.SetRawString(fields)
		rc.ManagedFields = append(rc.ManagedFields, entry)
	}
}

func controlledBy(owner *corev1.ReplicationController) func(*corev1.ReplicationController) {
	return func(rc *corev1.ReplicationController) {
		rc.OwnerReferences = []metav1.OwnerReference{{Name: owner.Name, UID: owner.UID, Controller: ptr.To(true)}}
	}
}

func TestMomentCountsWhatServes(t *testing.T) {
	moments := newScript().
		added(rc("tomcat", 2), pod("a"), pod("b")).
		modified(pod("a", ready), pod("b", ready), pod("b", ready, terminating)).
		deleted(pod("b", ready, terminating)).
		modified(pod("a", ready, failed)).moments

	var counted [][2]int
	for _, moment := range moments {
		counted = append(counted, [2]int{len(moment.Pods), moment.Available()})
	}
	assert.Equal(t, [][2]int{{0, 0}, {1, 0}, {2, 0}, {2, 1}, {2, 2}, {1, 1}, {1, 1}, {0, 0}}, counted)
	assert.Equal(t, "00:00:06.000 pod b modified: 1 pods, 1 available; rc tomcat=2 tomcat:7", moments[5].String())
}

func TestOwnedAndOtherRCs(t *testing.T) {
	owner := rc("tomcat", 5)
	moments := newScript().added(owner, rc("web", 1), rc("tomcat-hash", 3, controlledBy(owner))).moments

	last := moments[len(moments)-1]
	require.Len(t, last.Owned(), 1)
	assert.Equal(t, "tomcat-hash", last.Owned()[0].Name)
	assert.Len(t, last.Others, 2)
}

func TestTurnover(t *testing.T) {
	result := newScript().
		added(rc("tomcat", 2), pod("a", ready), pod("b", ready)).begin().
		added(pod("c")).modified(pod("c", ready), pod("a", ready, terminating)).
		deleted(pod("a"), pod("b")).result()

	assert.Equal(t, []string{"c"}, podNames(result.Created()))
	assert.Equal(t, []string{"a", "b"}, podNames(result.Deleted()))
	assert.Equal(t, 1, result.LowestAvailable())
	assert.Equal(t, 3, result.HighestPods())
	assert.Equal(t, 0, result.Kept(result.Moments[0].Pods))
	assert.Equal(t, 1, result.Kept(result.Created()))
}

func podNames(pods []Pod) []string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return names
}

func TestScaleUps(t *testing.T) {
	owner := rc("tomcat", 5)
	newRC := func(replicas int32) *corev1.ReplicationController {
		return rc("tomcat-hash", replicas, controlledBy(owner))
	}
	s := newScript().added(owner, newRC(0)).modified(newRC(1), newRC(1), rc("tomcat", 4), newRC(2), newRC(1))

	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	assert.Equal(t, []time.Time{start.Add(3 * time.Second), start.Add(6 * time.Second)}, s.result().ScaleUps())
}

func TestCheck(t *testing.T) {
	start := func() *script { return newScript().added(rc("tomcat", 1), pod("a", ready)).begin() }
	roll := func() *script {
		return start().added(pod("b")).modified(pod("b", ready)).deleted(pod("a"))
	}
	bounds := Bounds{MinAvailable: 1, MaxPods: 2, Created: 1, Deleted: 1}
	cases := map[string]struct {
		script *script
		want   []string
	}{
		"a rollout that keeps its promises": {script: roll()},
		"a pod goes too early": {
			script: start().added(pod("b")).deleted(pod("a")).modified(pod("b", ready)),
			want:   []string{"P1: fewer than 1 pods available, at worst 0: 00:00:04.000 pod a deleted: 1 pods, 0 available"},
		},
		"a pod too many": {
			script: start().added(pod("b"), pod("c")).modified(pod("b", ready)).deleted(pod("a"), pod("c")),
			want: []string{
				"P2: more than 2 pods, at worst 3: 00:00:04.000 pod c added",
				"P4: 2 pods created instead of 1: b (tomcat:7, of ), c (tomcat:7, of )",
				"P4: 2 pods deleted instead of 1: a (tomcat:7, of ), c",
			},
		},
		"a moment without the RC": {
			script: roll().deleted(rc("tomcat", 1)),
			want:   []string{"P3: the ReplicationController is gone: 00:00:06.000 rc tomcat deleted"},
		},
		"another RC of the same name": {
			script: roll().modified(rc("tomcat", 1, uid("other"))),
			want:   []string{"P3: the ReplicationController is another one: UID other instead of uid-tomcat"},
		},
		"the live image changes in the middle": {
			script: roll().modified(rc("tomcat", 1, image("tomcat:8"))),
			want:   []string{"P3: the live image changed from tomcat:7 to tomcat:8 outside of a promotion"},
		},
		"the live image changes by promotion": {
			script: roll().modified(rc("tomcat", 0, image("tomcat:8"), sealed), rc("tomcat", 1, image("tomcat:8"))),
		},
		"rcroll owns replicas": {
			script: roll().modified(rc("tomcat", 1, managedBy("rcroll-agent", `{"f:spec":{"f:replicas":{}}}`))),
			want:   []string{"P3: rcroll-agent owns a part of the spec"},
		},
		"others own replicas, rcroll an annotation": {
			script: roll().modified(rc("tomcat", 1, managedBy("kubectl", `{"f:spec":{"f:replicas":{}}}`),
				managedBy("rcroll-agent", `{"f:metadata":{"f:annotations":{}}}`))),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			violations := c.script.result().Check(bounds)
			require.Len(t, violations, len(c.want), "%v", violations)
			for i, want := range c.want {
				assert.Contains(t, violations[i].Error(), want)
			}
		})
	}
}

func TestCheckLeavesTurnoverOpen(t *testing.T) {
	result := newScript().added(rc("tomcat", 1), pod("a", ready)).begin().added(pod("b")).deleted(pod("b")).result()
	assert.Empty(t, result.Check(Bounds{MinAvailable: 1, MaxPods: 2, Created: Any, Deleted: Any}))
}

func TestCheckDoesNotTrustABrokenWatch(t *testing.T) {
	result := newScript().added(rc("tomcat", 1)).result()
	result.Err = assert.AnError
	violations := result.Check(Bounds{MaxPods: 1})
	require.Len(t, violations, 1)
	assert.Equal(t, "watch", violations[0].Property)
}

func TestEventsOfAMoment(t *testing.T) {
	last := newScript().added(rc("tomcat", 1), &corev1.Event{Message: "Scaling tomcat down to 4"}).result().Last()
	assert.Equal(t, []string{"Scaling tomcat down to 4"}, last.Messages())
}

func requesting(image string) func(*corev1.ReplicationController) {
	return func(rc *corev1.ReplicationController) {
		rc.Annotations = map[string]string{
			api.RequestAnnotation: `{"replicas":1,"template":{"spec":{"containers":[{"image":"` + image + `"}]}}}`,
		}
	}
}

func TestCheckCancel(t *testing.T) {
	start := func() *script {
		return newScript().added(rc("tomcat", 2), pod("a", ready), pod("b", ready)).begin().
			modified(rc("tomcat", 2, requesting("tomcat:8")))
	}
	cases := map[string]struct {
		script *script
		want   string
	}{
		"all are kept": {
			script: start().modified(rc("tomcat", 2, requesting("tomcat:7")), rc("tomcat", 2)),
		},
		"one that had been given up goes": {
			script: start().modified(rc("tomcat", 1, requesting("tomcat:8")), rc("tomcat", 1, requesting("tomcat:7"))).
				deleted(pod("a")).modified(rc("tomcat", 2)).added(pod("c")),
		},
		"one is replaced": {
			script: start().modified(rc("tomcat", 2, requesting("tomcat:7"))).deleted(pod("a")).added(pod("c")),
			want:   "P4: 1 of 2 pods were kept that served when the rollout was cancelled",
		},
		"nothing was cancelled": {
			script: start(),
			want:   "watch: the rollout was never cancelled",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			violations := c.script.result().CheckCancel()
			if c.want == "" {
				assert.Empty(t, violations)
				return
			}
			require.Len(t, violations, 1)
			assert.Contains(t, violations[0].Error(), c.want)
		})
	}
}

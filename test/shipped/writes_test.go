package shipped

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
)

// Users who write ReplicationControllers.
const (
	jane    = "jane"
	agent   = "system:serviceaccount:rcroll-system:rcroll-agent"
	server  = "system:serviceaccount:rcroll-system:rcroll-webhook"
	gc      = "system:serviceaccount:kube-system:generic-garbage-collector"
	manager = "system:serviceaccount:kube-system:replication-controller"
)

const hash = "0123456789abcdef0123456789abcdef"

// change is what is done to an object.
type change func(rc *corev1.ReplicationController)

// TestWrites lists what is sent to the webhook and what is not, by who writes what.
func TestWrites(t *testing.T) {
	controllers := webhook(t, "rc.rcroll.dev")
	tests := []struct {
		what   string
		write  Write
		called bool
	}{
		{"a creation", create(jane), false},
		{"a creation that opts out", create(jane, annotated(api.EnabledKey, "false")), true},
		{"a creation with a setting", create(jane, annotated(api.MaxSurgeAnnotation, "2")), true},
		{"a creation with a setting as a label", create(jane, labelled(api.MaxSurgeAnnotation, "2")), true},
		{"a creation with an exported request", create(jane, annotated(api.RequestAnnotation, "{}")), true},
		{"a creation with an exported hash, which is harmless", create(jane, hashed(hash)), false},
		{"a creation with more labels than are looked through", create(jane, manyLabels), true},
		{"a creation with a label deployment", create(jane, hashed("blue")), false},
		{"a creation with an exported mark", create(jane, marked(api.SealedLabel)), true},
		{"the agent creates a new RC", create(agent, owned), true},
		{"the webhook creates a new RC as a dry run", create(server, owned), false},
		{"a user creates what looks like a new RC", create(jane, owned), true},

		{"an image", update(jane, nil, image("tomcat:8")), true},
		{"replicas", update(jane, nil, replicas(3)), false},
		{"replicas while rolling", update(jane, []change{rolling}, replicas(3)), true},
		{"a label", update(jane, nil, labelled("tier", "web")), false},
		{"an annotation", update(jane, nil, annotated("note", "x")), false},
		{"nothing", update(jane, nil), false},
		{"a finalizer", update(jane, nil, finalizer), false},
		{"a setting", update(jane, nil, annotated(api.MaxSurgeAnnotation, "2")), true},
		{"a setting goes", update(jane, []change{annotated(api.MaxSurgeAnnotation, "2")}, annotated(api.MaxSurgeAnnotation, "")), true},
		{"a setting as a label", update(jane, nil, labelled(api.MaxSurgeAnnotation, "2")), true},

		{"an image where it opted out", update(jane, []change{optedOut}, image("tomcat:8")), false},
		{"an image, opting out", update(jane, nil, optedOut, image("tomcat:8")), true},
		{"an image, opting in", update(jane, []change{optedOut}, annotated(api.EnabledKey, ""), image("tomcat:8")), true},
		{"a setting where it opted out", update(jane, []change{optedOut}, annotated(api.MaxSurgeAnnotation, "2")), true},
		{"an image where it opted out while rolling", update(jane, []change{rolling, optedOut}, image("tomcat:8")), true},

		{"nothing while rolling", update(jane, []change{rolling}), true},
		{"a finalizer while rolling", update(gc, []change{rolling}, finalizer), true},
		{"the agent's command", update(agent, []change{rolling}, annotated(api.CommandAnnotation, "{}")), true},
		{"the webhook records a scale", update(server, []change{rolling}, annotated(api.RequestAnnotation, "{}")), true},

		{"the agent scales an owned RC", update(agent, []change{owned}, replicas(3)), false},
		{"the agent opens an owned RC", update(agent, []change{owned, marked(api.SealedLabel)}, marked("")), true},
		{"the agent changes an owned RC's image", update(agent, []change{owned}, image("tomcat:8")), true},
		{"the webhook writes an owned RC", update(server, []change{owned}, replicas(3)), false},
		{"the garbage collector frees an owned RC", update(gc, []change{owned}, finalizer), false},
		{"the garbage collector orphans an owned RC", update(gc, []change{owned}, orphaned), false},
		{"a user scales an owned RC", update(jane, []change{owned}, replicas(3)), true},
		{"a user labels an owned RC", update(jane, []change{owned}, labelled("tier", "web")), true},
		{"a user annotates an owned RC", update(jane, []change{owned}, annotated("note", "x")), true},

		{"an image of what another kind controls", update(jane, []change{foreign}, image("tomcat:8")), false},
		{"a creation that another kind controls", create(jane, foreign, annotated(api.MaxSurgeAnnotation, "2")), false},
		{"what another kind controls is let go, and rolls", update(jane, []change{foreign}, image("tomcat:8"), orphaned), true},
		{"an image of what another kind owns, without control", update(jane, []change{foreign, uncontrolled}, image("tomcat:8")), true},

		{"a status", status(manager), false},
		{"a status of an owned RC", status(manager, owned), false},
		{"the agent's conditions", status(agent, rolling), false},

		{"a deletion", remove(jane), false},
		{"a deletion while rolling", remove(jane, rolling), false},
		{"a deletion in a promotion, sealed", remove(jane, rolling, pending, marked(api.SealedLabel)), true},
		{"a deletion in a promotion, adopting", remove(jane, rolling, pending, marked(api.AdoptingLabel)), true},
		{"a deletion, sealed without a request", remove(jane, marked(api.SealedLabel)), false},
		{"the agent deletes an owned RC", remove(agent, owned), false},
		{"the agent deletes an owned RC that is sealed", remove(agent, owned, marked(api.SealedLabel)), false},

		{"an image in kube-system", update(jane, nil, image("tomcat:8")).in("kube-system", nil), false},
		{"an image in rcroll-system", update(jane, nil, image("tomcat:8")).in("rcroll-system", nil), false},
		{"an image in a namespace that opted out", update(jane, nil, image("tomcat:8")).in("shop", map[string]string{api.EnabledKey: "false"}), false},
		{"an image in a namespace that opted in", update(jane, nil, image("tomcat:8")).in("shop", map[string]string{api.EnabledKey: "true"}), true},
	}
	for _, test := range tests {
		t.Run(test.what, func(t *testing.T) {
			called, err := controllers.IsCalledFor(t.Context(), test.write)
			require.NoError(t, err)
			assert.Equal(t, test.called, called)
		})
	}
}

func create(user string, changes ...change) Write {
	return Write{Operation: admissionv1.Create, User: user, Namespace: "default", New: built(changes...)}
}

// update is one of an object that is like that before.
func update(user string, before []change, changes ...change) Write {
	return Write{
		Operation: admissionv1.Update, User: user, Namespace: "default",
		Old: built(before...), New: built(slices.Concat(before, changes)...),
	}
}

func status(user string, before ...change) Write {
	write := update(user, before, func(rc *corev1.ReplicationController) { rc.Status.Replicas++ })
	write.SubResource = "status"
	return write
}

func remove(user string, before ...change) Write {
	return Write{Operation: admissionv1.Delete, User: user, Namespace: "default", Old: built(before...)}
}

func (w Write) in(namespace string, labels map[string]string) Write {
	w.Namespace, w.NamespaceLabels = namespace, labels
	return w
}

// built is a ReplicationController as the API server shows it.
func built(changes ...change) map[string]any {
	rc := &corev1.ReplicationController{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ReplicationController"}}
	rc.Name, rc.Namespace, rc.UID = "tomcat", "default", "1"
	rc.Spec = corev1.ReplicationControllerSpec{
		Replicas: ptr.To[int32](2), Selector: map[string]string{"app": "tomcat"},
		Template: &corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "tomcat"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "tomcat", Image: "tomcat:7"}}},
		},
	}
	for _, change := range changes {
		change(rc)
	}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(rc)
	if err != nil {
		panic(err)
	}
	return object
}

func put(entries *map[string]string, key, value string) {
	*entries = maps.Clone(*entries)
	if *entries == nil {
		*entries = map[string]string{}
	}
	if (*entries)[key] = value; value == "" {
		delete(*entries, key)
	}
}

// annotated and labelled remove the entry if the value is empty.
func annotated(key, value string) change {
	return func(rc *corev1.ReplicationController) { put(&rc.Annotations, key, value) }
}

func labelled(key, value string) change {
	return func(rc *corev1.ReplicationController) { put(&rc.Labels, key, value) }
}

func image(name string) change {
	return func(rc *corev1.ReplicationController) { rc.Spec.Template.Spec.Containers[0].Image = name }
}

func replicas(n int32) change {
	return func(rc *corev1.ReplicationController) { rc.Spec.Replicas = &n }
}

func hashed(value string) change {
	return func(rc *corev1.ReplicationController) {
		put(&rc.Spec.Selector, api.DefaultHashLabelKey, value)
		put(&rc.Spec.Template.Labels, api.DefaultHashLabelKey, value)
	}
}

// marked is in a promotion.
func marked(label string) change {
	return func(rc *corev1.ReplicationController) {
		put(&rc.Spec.Template.Labels, label, hash)
		if label == api.SealedLabel {
			put(&rc.Spec.Selector, label, hash)
		}
	}
}

var (
	optedOut = annotated(api.EnabledKey, "false")
	rolling  = labelled(api.RollingLabel, api.True)
	pending  = annotated(api.RequestAnnotation, "{}")
)

func finalizer(rc *corev1.ReplicationController) { rc.Finalizers = []string{"orphan"} }

// foreign is controlled by something that is no ReplicationController.
func foreign(rc *corev1.ReplicationController) {
	owner := &metav1.ObjectMeta{Name: "frontend", UID: "3"}
	kind := schema.GroupVersionKind{Group: "apps.openshift.io", Version: "v1", Kind: "DeploymentConfig"}
	rc.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, kind)}
}

func uncontrolled(rc *corev1.ReplicationController) { rc.OwnerReferences[0].Controller = nil }

func manyLabels(rc *corev1.ReplicationController) {
	for i := range 101 {
		labelled(fmt.Sprint("label-", i), "x")(rc)
	}
}

func orphaned(rc *corev1.ReplicationController) { rc.OwnerReferences = nil }

// owned is as a new ReplicationController.
func owned(rc *corev1.ReplicationController) {
	owner := &metav1.ObjectMeta{Name: "tomcat", UID: "1"}
	rc.Name, rc.UID = "tomcat-"+hash, "2"
	rc.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, api.GroupVersionKind)}
	rolling(rc)
	hashed(hash)(rc)
}

// TestNewRC: what the agent really creates is what the table takes for it.
func TestNewRC(t *testing.T) {
	controllers := webhook(t, "rc.rcroll.dev")
	rc := &unstructured.Unstructured{Object: built()}
	text, err := json.Marshal(rc.Object["spec"])
	require.NoError(t, err)
	request, err := api.ParseSpec(string(text))
	require.NoError(t, err)
	for _, created := range []*unstructured.Unstructured{
		api.NewRC(rc, request, api.DefaultHashLabelKey), api.SealedNewRC(rc, request, api.DefaultHashLabelKey),
	} {
		for user, expected := range map[string]bool{agent: true, server: false, jane: true} {
			called, err := controllers.IsCalledFor(t.Context(), Write{
				Operation: admissionv1.Create, User: user, Namespace: "default", New: created.Object,
			})
			require.NoError(t, err)
			assert.Equal(t, expected, called, user)
		}
	}
}

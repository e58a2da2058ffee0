package terminal

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rcroll/rcroll/pkg/api"
)

func spec(image string, replicas int64) api.Spec {
	return api.Spec{"replicas": replicas, "selector": map[string]any{"app": "tomcat"}, "template": map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"app": "tomcat"}},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "tomcat", "image": image}}}}}
}

// sized sets replicas and a status that says that as many pods are available.
func sized(rc *unstructured.Unstructured, pods, available int64) *unstructured.Unstructured {
	rc.Object["spec"].(map[string]any)["replicas"] = pods
	rc.SetGeneration(1)
	rc.Object["status"] = map[string]any{"observedGeneration": int64(1), "replicas": pods, "fullyLabeledReplicas": pods, "readyReplicas": available, "availableReplicas": available}
	return rc
}

// tomcat has n pods of its template.
func tomcat(image string, n int64) *unstructured.Unstructured {
	rc := api.EmptyRC()
	rc.SetNamespace("shop")
	rc.SetName("tomcat")
	rc.SetUID("uid-of-tomcat")
	rc.SetCreationTimestamp(metav1.NewTime(time.Now().Add(-time.Hour)))
	rc.Object["spec"] = map[string]any(spec(image, n))
	return sized(rc, n, n)
}

// requesting is tomcat while tomcat:8 is requested.
func requesting(n int64) *unstructured.Unstructured {
	rc := tomcat("tomcat:7", n)
	rc.SetLabels(map[string]string{api.RollingLabel: api.True})
	rc.SetAnnotations(map[string]string{
		api.RequestAnnotation: spec("tomcat:8", 2).String(), api.RequestedByAnnotation: "alice",
		api.RequestedAtAnnotation: time.Now().Add(-time.Minute).UTC().Format(time.RFC3339),
	})
	return rc
}

// successor is the new ReplicationController.
func successor(pods, available int64) *unstructured.Unstructured {
	rc := api.NewRC(tomcat("tomcat:7", 2), spec("tomcat:8", 2), api.DefaultHashLabelKey)
	rc.SetUID("uid-of-successor")
	rc.SetCreationTimestamp(metav1.Now())
	return sized(rc, pods, available)
}

func pod(name string, owner *unstructured.Unstructured, ready bool) *unstructured.Unstructured {
	pod := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Pod", "status": map[string]any{"phase": "Pending"}}}
	if ready {
		pod.Object["status"] = map[string]any{"phase": "Running", "conditions": []any{map[string]any{"type": "Ready", "status": "True"}}}
	}
	pod.SetNamespace("shop")
	pod.SetName(name)
	pod.SetLabels(map[string]string{"app": "tomcat"})
	pod.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(owner, api.GroupVersionKind)})
	return pod
}

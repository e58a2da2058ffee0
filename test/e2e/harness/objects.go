package harness

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
)

// Update reads a ReplicationController, modifies it and writes it back, as controllers do:
// they try again after a conflict.
func Update(ctx context.Context, rcs clientv1.ReplicationControllerInterface, name string, modify func(*corev1.ReplicationController), options metav1.UpdateOptions) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		rc, err := rcs.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		modify(rc)
		_, err = rcs.Update(ctx, rc, options)
		return err
	})
}

// UpdateScale writes the scale subresource as autoscalers do, which try again after a conflict.
func UpdateScale(ctx context.Context, rcs clientv1.ReplicationControllerInterface, name string, replicas int32) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		scale, err := rcs.GetScale(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		scale.Spec.Replicas = replicas
		_, err = rcs.UpdateScale(ctx, name, scale, metav1.UpdateOptions{})
		return err
	})
}

// NewRC is a ReplicationController without pods.
func NewRC(name string, edits ...func(*corev1.ReplicationController)) *corev1.ReplicationController {
	rc := &corev1.ReplicationController{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ReplicationController"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
	}
	rc.Spec = corev1.ReplicationControllerSpec{
		Replicas: ptr.To[int32](0),
		Selector: map[string]string{"app": name},
		Template: &corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "tomcat", Image: "tomcat:7"}}},
		},
	}
	for _, edit := range edits {
		edit(rc)
	}
	return rc
}

// Privileged is what a thief of a token would run.
func Privileged(rc *corev1.ReplicationController) {
	rc.Spec.Replicas = ptr.To[int32](1)
	rc.Spec.Template.Spec.HostPID = true
	rc.Spec.Template.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
}

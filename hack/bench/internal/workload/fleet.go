// Package workload creates, edits and tracks fleets of ReplicationControllers or
// Deployments that differ in nothing but their kind.
package workload

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/pkg/api"
)

// Kind is the kind of object that rolls.
type Kind string

// The two kinds that are compared.
const (
	RC         Kind = "rc"
	Deployment Kind = "deployment"
)

// appLabel distinguishes the pods of one application from those of others.
const appLabel = "app"

// Fleet is a number of applications of one kind in a namespace of their own.
type Fleet struct {
	Kind      Kind
	Namespace string

	// Size is the number of applications, Replicas that of the pods of each.
	Size, Replicas int

	// MaxSurge and MaxUnavailable are numbers or percentages.
	MaxSurge, MaxUnavailable string
}

// Name returns the name of an application.
func (f Fleet) Name(i int) string { return fmt.Sprintf("app-%04d", i) }

// parallelRequests is the number of concurrent requests where many are made.
const parallelRequests = 32

// Create creates the namespace with labels, and all applications with an image.
func (f Fleet) Create(ctx context.Context, client kubernetes.Interface, image string, labels map[string]string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace, Labels: labels}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace %s: %w", f.Namespace, err)
	}
	return f.Add(ctx, client, 0, image)
}

// Add creates the applications from the given index on.
func (f Fleet) Add(ctx context.Context, client kubernetes.Interface, first int, image string) error {
	return InParallel(ctx, f.Size-first, parallelRequests, func(ctx context.Context, i int) error {
		i += first
		var err error
		if f.Kind == RC {
			_, err = client.CoreV1().ReplicationControllers(f.Namespace).Create(ctx, f.rc(f.Name(i), image), metav1.CreateOptions{})
		} else {
			_, err = client.AppsV1().Deployments(f.Namespace).Create(ctx, f.deployment(f.Name(i), image), metav1.CreateOptions{})
		}
		if err != nil {
			return fmt.Errorf("create %s %s/%s: %w", f.Kind, f.Namespace, f.Name(i), err)
		}
		return nil
	})
}

// Edit changes the image of all applications at once, as kubectl set image does.
func (f Fleet) Edit(ctx context.Context, client kubernetes.Interface, image string) error {
	patch := fmt.Appendf(nil, `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":%q}]}}}}`, image)
	return InParallel(ctx, f.Size, parallelRequests, func(ctx context.Context, i int) error {
		var err error
		if f.Kind == RC {
			_, err = client.CoreV1().ReplicationControllers(f.Namespace).Patch(ctx, f.Name(i), types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		} else {
			_, err = client.AppsV1().Deployments(f.Namespace).Patch(ctx, f.Name(i), types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		}
		if err != nil {
			return fmt.Errorf("edit %s %s/%s: %w", f.Kind, f.Namespace, f.Name(i), err)
		}
		return nil
	})
}

func (f Fleet) rc(name, image string) *corev1.ReplicationController {
	return &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
			api.MaxSurgeAnnotation:       f.MaxSurge,
			api.MaxUnavailableAnnotation: f.MaxUnavailable,
		}},
		Spec: corev1.ReplicationControllerSpec{
			Replicas: ptr.To(int32(f.Replicas)),
			Selector: map[string]string{appLabel: name},
			Template: ptr.To(template(name, image)),
		},
	}
}

func (f Fleet) deployment(name, image string) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(f.Replicas)),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{appLabel: name}},
			Template: template(name, image),
			Strategy: appsv1.DeploymentStrategy{
				Type: appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{
					MaxSurge:       ptr.To(intstr.Parse(f.MaxSurge)),
					MaxUnavailable: ptr.To(intstr.Parse(f.MaxUnavailable)),
				},
			},
		},
	}
}

func template(name, image string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{appLabel: name}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name:  "app",
			Image: image,
			Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
		}}},
	}
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// admissionTimeout bounds the time from "the webhook serves" to "the API server calls it".
const admissionTimeout = 30 * time.Second

// probeAnnotation may be set by rcroll's agent only: the webhook removes it from an RC that anybody else creates.
const probeAnnotation = "rcroll.dev/command"

// awaitAdmission waits until the API server actually calls the webhook: the webhook must have put its CA into the
// configurations, and the API server must have noticed both the configuration and the CA.
func (c *Cluster) awaitAdmission(ctx context.Context, configurations []string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, admissionTimeout)
	defer cancel()
	var last error
	err = wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		if last = checkCABundles(ctx, client, configurations); last == nil {
			last = probeAdmission(ctx, client)
		}
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the API server to call the webhook: %w; see %s", last, c.procs.LogFile(webhookName))
	}
	return nil
}

func checkCABundles(ctx context.Context, client kubernetes.Interface, configurations []string) error {
	for _, name := range configurations {
		configuration, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("reading the webhook configuration %s: %w", name, err)
		}
		for _, w := range configuration.Webhooks {
			if len(w.ClientConfig.CABundle) == 0 {
				return fmt.Errorf("webhook %s has no caBundle yet", w.Name)
			}
		}
	}
	return nil
}

// probeAdmission dry-runs the creation of an RC that the webhook changes or refuses. If it comes back as it was sent, the
// webhook was not called.
func probeAdmission(ctx context.Context, client kubernetes.Interface) error {
	labels := map[string]string{"app": "localcluster-probe"}
	rc := &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "localcluster-probe-",
			Annotations:  map[string]string{probeAnnotation: "probe"},
		},
		Spec: corev1.ReplicationControllerSpec{
			Selector: labels,
			Template: &corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "probe"}}},
			},
		},
	}
	created, err := client.CoreV1().ReplicationControllers(metav1.NamespaceDefault).
		Create(ctx, rc, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case err != nil && strings.Contains(err.Error(), "denied the request"):
		return nil
	case err != nil:
		return fmt.Errorf("dry-running the creation of an RC: %w", err)
	case created.Annotations[probeAnnotation] != "":
		return errors.New("the dry run of an RC did not call the webhook")
	}
	return nil
}

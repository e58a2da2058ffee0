package pairing

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// soon is the time after which to look again until webhook and agent agree:
	// they start at the same time, and policies take a moment to be in force.
	soon = 5 * time.Second

	// settled is that time once they do. The webhook may be restarted with other flags.
	settled = time.Minute
)

var (
	errUnchecked = errors.New("it is not known yet whether webhook and agent belong together")

	errUnfenced = errors.New("no admission policy of rcroll knows this agent: the policies name the ServiceAccount of another namespace, or are not installed")
)

// Checker says whether the agent that it is a part of was installed for the webhook.
type Checker struct {
	// Client reads from the API server, not from a cache.
	Client client.Client

	// Configuration is the name of the webhook's MutatingWebhookConfiguration.
	Configuration string

	// Namespace is the agent's own.
	Namespace string

	// HashLabelKey is the agent's.
	HashLabelKey string

	mu    sync.Mutex
	known bool
	last  error
}

// NeedLeaderElection makes agents that stand by check too.
func (*Checker) NeedLeaderElection() bool { return false }

// Start checks until the context ends.
func (c *Checker) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		agreed, err := c.check(ctx)
		c.set(ctx, err)
		pause := soon
		if agreed {
			pause = settled
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait.Jitter(pause, 0.1)):
		}
	}
	return nil
}

// Ready is a readiness check.
func (c *Checker) Ready(*http.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		return errUnchecked
	}
	return c.last
}

// set records what was found, and logs it when it is news.
func (c *Checker) set(ctx context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if err != nil && (c.last == nil || c.last.Error() != err.Error()) {
		ctrl.Log.WithName("pairing").Error(err, "Webhook and agent do not belong together: rolling updates would fail")
	}
	if err == nil && c.last != nil {
		ctrl.Log.WithName("pairing").Info("Webhook and agent belong together")
	}
	c.known, c.last = true, err
}

// check reports whether webhook and agent are known to agree, and in what they do not.
// What cannot be read is no disagreement: an agent must be able to take over while
// the API server has trouble.
func (c *Checker) check(ctx context.Context) (agreed bool, disagreement error) {
	log := ctrl.Log.WithName("pairing").V(1)
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Client.Create(ctx, review); err != nil {
		log.Info("Cannot find out who this agent is", "reason", err.Error())
		return false, nil
	}
	configuration := &metav1.PartialObjectMetadata{}
	configuration.SetGroupVersionKind(admissionv1.SchemeGroupVersion.WithKind("MutatingWebhookConfiguration"))
	if err := c.Client.Get(ctx, types.NamespacedName{Name: c.Configuration}, configuration); err != nil {
		log.Info("Cannot read what the webhook has published", "reason", err.Error())
	}
	own := Terms{AgentUser: review.Status.UserInfo.Username, HashLabelKey: c.HashLabelKey}
	disagreement = errors.Join(compare(configuration.Annotations, own), c.fenced(ctx))
	return disagreement == nil && published(configuration.Annotations), disagreement
}

// fenced tries, without storing anything, what the policy rcroll-agent forbids the
// agent: a ReplicationController where rcroll itself is.
func (c *Checker) fenced(ctx context.Context) error {
	labels := map[string]string{"app.kubernetes.io/name": "rcroll-pairing"}
	rc := &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, GenerateName: "rcroll-pairing-"},
		Spec: corev1.ReplicationControllerSpec{
			Replicas: ptr.To[int32](0),
			Selector: labels,
			Template: &corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "none", Image: "none"}}},
			},
		},
	}
	err := c.Client.Create(ctx, rc, client.DryRunAll)
	switch {
	case err == nil:
		return errUnfenced
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return nil // by rcroll's policy, or by one that is stricter
	}
	ctrl.Log.WithName("pairing").V(1).Info("Cannot find out whether the policies know this agent", "reason", fmt.Sprint(err))
	return nil
}

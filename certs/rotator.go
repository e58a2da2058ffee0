package certs

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// propagation is the time after which every API server is taken to have seen
	// a change of the webhook configuration. Watches take milliseconds.
	propagation = 5 * time.Second

	// checkInterval is small against renewBefore.
	checkInterval = 12 * time.Hour

	// conflictPause is the time after which the watch is taken to have brought
	// what another replica wrote.
	conflictPause = 200 * time.Millisecond

	// bootstrapPatience bounds Bootstrap: after it, the process ends with the
	// reason rather than waiting in silence.
	bootstrapPatience = time.Minute

	fieldOwner = client.FieldOwner("rcroll-webhook")
)

// Options say where things are.
type Options struct {
	// Secret holds the certificate for all replicas.
	Secret types.NamespacedName

	// Configuration is the name of the MutatingWebhookConfiguration, all of whose
	// webhooks are to trust the certificate.
	Configuration string

	// DNSNames that the certificate is for, one or more.
	DNSNames []string

	// Dir is the directory of the file PairFile, out of which the server serves.
	// It is made if it is missing, and belongs to one process.
	Dir string
}

// Cache restricts a manager's cache to the two objects that a Rotator watches.
func (o Options) Cache() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&corev1.Secret{}: {Namespaces: map[string]cache.Config{o.Secret.Namespace: {
			FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, o.Secret.Name),
		}}},
		&admissionv1.MutatingWebhookConfiguration{}: {
			Field: fields.OneTermEqualSelector(metav1.ObjectNameField, o.Configuration),
		},
	}
}

// Rotator keeps the certificate of one replica of the webhook.
type Rotator struct {
	options Options
	served  directory
	now     func() time.Time

	// cached reads from the manager's cache; set by Register.
	cached client.Client

	// trusted is the CA that the webhook configuration trusts, trustedSince when
	// this Rotator saw it there first. Only Reconcile uses them.
	trusted      []byte
	trustedSince time.Time
}

// NewRotator returns a Rotator that does nothing yet.
func NewRotator(options Options) *Rotator {
	return &Rotator{options: options, served: directory(options.Dir), now: time.Now}
}

// Bootstrap returns as soon as there is a certificate to serve, which must be
// before the server starts. The client must not read from a cache. A certificate
// that is in the directory from before a restart does.
func (r *Rotator) Bootstrap(ctx context.Context, live client.Client) error {
	if r.served.read() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, bootstrapPatience)
	defer cancel()
	var last error
	err := wait.PollUntilContextCancel(ctx, conflictPause, true, func(ctx context.Context) (bool, error) {
		var data map[string][]byte
		if data, last = r.ensureSecret(ctx, live); last == nil {
			last = r.served.write(pairOf(data))
		}
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("get a first certificate: %w: %w", err, last)
	}
	return nil
}

// Register adds the Rotator to a manager whose cache is restricted by Options.Cache.
func (r *Rotator) Register(mgr manager.Manager) error {
	r.cached = mgr.GetClient()
	secret := reconcile.Request{NamespacedName: r.options.Secret}
	toSecret := func(context.Context, client.Object) []reconcile.Request { return []reconcile.Request{secret} }
	err := ctrl.NewControllerManagedBy(mgr).
		Named("certificate").
		For(&corev1.Secret{}).
		Watches(&admissionv1.MutatingWebhookConfiguration{}, handler.EnqueueRequestsFromMapFunc(toSecret)).
		WithOptions(controller.Options{NeedLeaderElection: ptr.To(false)}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("add the keeper of the certificate: %w", err)
	}
	return nil
}

// Reconcile is called when something changed. There is one request only.
func (r *Rotator) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	again, err := r.pass(ctx)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return reconcile.Result{RequeueAfter: conflictPause}, nil // another replica was faster
	}
	return reconcile.Result{RequeueAfter: again}, err
}

// pass brings Secret, webhook configuration and served certificate into line. It
// returns the time after which to look again.
func (r *Rotator) pass(ctx context.Context) (again time.Duration, err error) {
	data, err := r.ensureSecret(ctx, r.cached)
	if err != nil {
		return 0, err
	}
	bundles, err := r.ensureTrusted(ctx, data[caKey])
	if err != nil {
		return 0, err
	}
	return r.serve(pairOf(data), bundles)
}

// Ready is a readiness check: is the certificate served that all webhooks of the
// configuration trust? It does not fail because of a renewal that fails: what is
// served is good for months yet.
func (r *Rotator) Ready(req *http.Request) error {
	configuration, err := r.configuration(req.Context())
	if err != nil {
		return err
	}
	return verifyAll(r.served.read(), bundlesOf(configuration), r.now())
}

// ensureSecret returns the data of the Secret, and makes it if it is missing or
// renewal is due.
func (r *Rotator) ensureSecret(ctx context.Context, c client.Client) (map[string][]byte, error) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.options.Secret.Namespace, Name: r.options.Secret.Name},
		Type:       corev1.SecretTypeTLS,
	}
	err := c.Get(ctx, r.options.Secret, secret)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("get secret %s: %w", r.options.Secret, err)
	}
	if !isDue(secret.Data, r.options.DNSNames, r.now()) {
		return secret.Data, nil
	}
	data, err := renew(r.options.DNSNames, r.now())
	if err != nil {
		return nil, err
	}
	secret.Data = data
	if err := put(ctx, c, secret); err != nil {
		return nil, fmt.Errorf("write secret %s: %w", r.options.Secret, err)
	}
	ctrl.LoggerFrom(ctx).Info("Made a certificate", "secret", r.options.Secret, "names", r.options.DNSNames)
	return data, nil
}

// put creates what does not exist and updates what does.
func put(ctx context.Context, c client.Client, secret *corev1.Secret) error {
	if secret.ResourceVersion == "" {
		return c.Create(ctx, secret, fieldOwner)
	}
	return c.Update(ctx, secret, fieldOwner)
}

// serve puts a pair into the directory: when all API servers trust it, or at once
// if what is served now is trusted no longer. It returns the time after which to
// look again.
func (r *Rotator) serve(pair []byte, bundles [][]byte) (again time.Duration, err error) {
	served, now := r.served.read(), r.now()
	if bytes.Equal(pair, served) {
		return checkInterval, nil
	}
	missing := r.trustedSince.Add(propagation).Sub(now)
	if missing > 0 && verifyAll(served, bundles, now) == nil {
		return missing, nil
	}
	return checkInterval, r.served.write(pair)
}

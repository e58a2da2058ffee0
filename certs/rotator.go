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
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// propagation is the time after which every API server is assumed to have seen
	// a change of the webhook configuration. Watches take milliseconds.
	propagation = 5 * time.Second

	// checkInterval is short compared with renewBefore.
	checkInterval = 12 * time.Hour

	// conflictPause is the time after which the cache is assumed to have what
	// another replica wrote.
	conflictPause = 200 * time.Millisecond

	// bootstrapTimeout makes Bootstrap fail with the reason rather than wait in
	// silence.
	bootstrapTimeout = time.Minute

	fieldOwner = client.FieldOwner("rcroll-webhook")
)

// Options name the objects and files of the certificate.
type Options struct {
	// Secret holds the certificate for all replicas.
	Secret types.NamespacedName

	// Configuration is the name of the MutatingWebhookConfiguration whose caBundles
	// are to trust the certificate.
	Configuration string

	// DNSNames are the names that the certificate is valid for, at least one.
	DNSNames []string

	// Dir is the directory of PairFile, from which the server reads its certificate.
	// It is created if it does not exist, and must not be shared with another process.
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

// Rotator keeps the certificate of one replica of the webhook valid and trusted.
type Rotator struct {
	options Options
	served  directory
	now     func() time.Time

	// cached reads from the manager's cache; set by Register.
	cached client.Client

	// trusted is the CA that the webhook configuration trusts, trustedSince the time
	// when this Rotator first saw it there. Only Reconcile uses them.
	trusted      []byte
	trustedSince time.Time
}

// NewRotator returns a Rotator, which does nothing until Bootstrap and Register.
func NewRotator(options Options) *Rotator {
	return &Rotator{options: options, served: directory(options.Dir), now: time.Now}
}

// Bootstrap returns once there is a certificate to serve. It has to be called before
// the server starts, with a client that does not read from a cache. A certificate
// left in the directory from before a restart is enough.
func (r *Rotator) Bootstrap(ctx context.Context, live client.Client) error {
	if r.served.read() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, bootstrapTimeout)
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
		return fmt.Errorf("obtain the initial certificate: %w: %w", err, last)
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
		return fmt.Errorf("register the certificate rotator: %w", err)
	}
	if err := metrics.Registry.Register(r.Collector()); err != nil {
		return fmt.Errorf("register the metrics of certificates: %w", err)
	}
	return nil
}

// Reconcile is called when the Secret or the webhook configuration has changed; its
// request is always the same.
func (r *Rotator) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	requeueAfter, err := r.sync(ctx)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return reconcile.Result{RequeueAfter: conflictPause}, nil // another replica has written first
	}
	return reconcile.Result{RequeueAfter: requeueAfter}, err
}

// sync brings Secret, webhook configuration and served certificate into line. It
// returns the time after which to do so again.
func (r *Rotator) sync(ctx context.Context) (requeueAfter time.Duration, err error) {
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

// Ready is a readiness check: it fails unless all caBundles trust the certificate
// that is served. It does not fail because a renewal does: what is served is valid
// for months to come.
func (r *Rotator) Ready(req *http.Request) error {
	configuration, err := r.configuration(req.Context())
	if err != nil {
		return err
	}
	return verifyAll(r.served.read(), bundlesOf(configuration), r.now())
}

// ensureSecret returns the data of the Secret, and first issues it if it is missing
// or its renewal is due.
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
	ctrl.LoggerFrom(ctx).Info("Issued a certificate", "secret", r.options.Secret, "dnsNames", r.options.DNSNames)
	return data, nil
}

// put creates the Secret, or updates it if it was read from the API server.
func put(ctx context.Context, c client.Client, secret *corev1.Secret) error {
	if secret.ResourceVersion == "" {
		return c.Create(ctx, secret, fieldOwner)
	}
	return c.Update(ctx, secret, fieldOwner)
}

// serve writes a pair to the directory: once all API servers trust it, or at once if
// what is served now is no longer trusted. It returns the time after which to check
// again.
func (r *Rotator) serve(pair []byte, bundles [][]byte) (requeueAfter time.Duration, err error) {
	served, now := r.served.read(), r.now()
	if bytes.Equal(pair, served) {
		return checkInterval, nil
	}
	remaining := r.trustedSince.Add(propagation).Sub(now)
	if remaining > 0 && verifyAll(served, bundles, now) == nil {
		return remaining, nil
	}
	return checkInterval, r.served.write(pair)
}

package certs

import (
	"context"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	serviceName = "rcroll-webhook.rcroll-system.svc"
	day         = 24 * time.Hour
)

var secretKey = types.NamespacedName{Namespace: "rcroll-system", Name: "rcroll-webhook-cert"}

// world is a cluster with replicas of the webhook in it, and a clock.
type world struct {
	t      *testing.T
	client client.WithWatch
	now    time.Time
}

func newWorld(t *testing.T) *world {
	configuration := &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "rcroll"},
		Webhooks:   []admissionv1.MutatingWebhook{{Name: "rc.rcroll.dev"}, {Name: "scale.rcroll.dev"}},
	}
	return &world{
		t:      t,
		client: fake.NewClientBuilder().WithScheme(scheme.Scheme).WithObjects(configuration).Build(),
		now:    time.Now(),
	}
}

// replica starts a Rotator with its own directory.
func (w *world) replica(names ...string) *Rotator {
	w.t.Helper()
	r := NewRotator(Options{
		Secret:        secretKey,
		Configuration: "rcroll",
		DNSNames:      append([]string{serviceName}, names...),
		Dir:           filepath.Join(w.t.TempDir(), "certs"),
	})
	r.now = func() time.Time { return w.now }
	r.cached = w.client
	require.NoError(w.t, r.Bootstrap(context.Background(), w.client))
	return r
}

func (w *world) reconcile(r *Rotator) time.Duration {
	w.t.Helper()
	result, err := r.Reconcile(context.Background(), reconcile.Request{NamespacedName: secretKey})
	require.NoError(w.t, err)
	return result.RequeueAfter
}

func (w *world) ready(r *Rotator) error {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "/readyz", http.NoBody)
	require.NoError(w.t, err)
	return r.Ready(request)
}

func (w *world) bundles() [][]byte {
	w.t.Helper()
	configuration := &admissionv1.MutatingWebhookConfiguration{}
	require.NoError(w.t, w.client.Get(context.Background(), types.NamespacedName{Name: "rcroll"}, configuration))
	return bundlesOf(configuration)
}

func (w *world) secret() *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{}
	require.NoError(w.t, w.client.Get(context.Background(), secretKey, secret))
	return secret
}

func TestInstall(t *testing.T) {
	w := newWorld(t)
	first, second := w.replica(), w.replica()
	require.Error(t, w.ready(first), "no webhook trusts the certificate yet")

	assert.Equal(t, checkInterval, w.reconcile(first))
	require.NoError(t, w.ready(first))
	require.NoError(t, w.ready(second), "both serve the same certificate")
	w.reconcile(second)

	secret := w.secret()
	assert.Equal(t, corev1.SecretTypeTLS, secret.Type)
	assert.NotContains(t, secret.Data, "ca.key")
	assert.Equal(t, [][]byte{secret.Data[caKey], secret.Data[caKey]}, w.bundles())
	assert.Equal(t, pairOf(secret.Data), first.served.read())
	assert.Equal(t, pairOf(secret.Data), second.served.read())
}

func TestRenewalKeepsServedTrusted(t *testing.T) {
	for name, disturb := range map[string]func(*world){
		"it is due": func(w *world) { w.now = w.now.Add(lifetime - renewBefore + time.Hour) },
		"the Secret is deleted": func(w *world) {
			require.NoError(w.t, w.client.Delete(context.Background(), w.secret()))
		},
		"the Secret is corrupted": func(w *world) {
			secret := w.secret()
			secret.Data = map[string][]byte{certKey: nil, privateKey: []byte("x")}
			require.NoError(w.t, w.client.Update(context.Background(), secret))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			replicas := []*Rotator{w.replica(), w.replica()}
			ready := func(step string) {
				for _, r := range replicas {
					require.NoError(t, w.ready(r), step)
				}
			}
			for _, r := range replicas {
				w.reconcile(r)
			}
			old := replicas[0].served.read()

			disturb(w)
			for _, r := range replicas {
				again := w.reconcile(r)
				assert.LessOrEqual(t, again, propagation)
				assert.Equal(t, old, r.served.read(), "served until every API server trusts the new one")
				ready("published")
			}
			for _, r := range replicas {
				w.now = w.now.Add(propagation)
				assert.Equal(t, checkInterval, w.reconcile(r))
				assert.NotEqual(t, old, r.served.read())
				ready("one by one")
			}
			for _, bundle := range w.bundles() {
				assert.Equal(t, 2, countCertificates(bundle))
			}
		})
	}
}

func TestCABundleIsRestored(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	w.reconcile(r)
	configuration := &admissionv1.MutatingWebhookConfiguration{}
	require.NoError(t, w.client.Get(context.Background(), types.NamespacedName{Name: "rcroll"}, configuration))
	configuration.Webhooks[1].ClientConfig.CABundle = nil
	require.NoError(t, w.client.Update(context.Background(), configuration))
	require.ErrorContains(t, w.ready(r), "webhook 1")

	w.reconcile(r)
	require.NoError(t, w.ready(r))
}

func TestBundleDoesNotGrow(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	for range 3 {
		w.now = w.now.Add(lifetime - renewBefore + day)
		w.reconcile(r)
		w.now = w.now.Add(propagation)
		w.reconcile(r)
		require.NoError(t, w.ready(r))
		assert.LessOrEqual(t, countCertificates(w.bundles()[0]), 2)
	}
}

// A certificate that is no longer trusted is replaced at once, not five seconds later.
func TestRevocation(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	w.reconcile(r)
	require.NoError(t, w.client.Delete(context.Background(), w.secret()))
	configuration := &admissionv1.MutatingWebhookConfiguration{}
	require.NoError(t, w.client.Get(context.Background(), types.NamespacedName{Name: "rcroll"}, configuration))
	for i := range configuration.Webhooks {
		configuration.Webhooks[i].ClientConfig.CABundle = nil
	}
	require.NoError(t, w.client.Update(context.Background(), configuration))

	assert.Equal(t, checkInterval, w.reconcile(r))
	require.NoError(t, w.ready(r))
	assert.Equal(t, w.secret().Data[caKey], w.bundles()[0])
}

func TestNewNameRenews(t *testing.T) {
	w := newWorld(t)
	w.reconcile(w.replica())
	before := w.secret().Data
	r := w.replica("localhost")
	assert.NotEqual(t, before, w.secret().Data)
	w.reconcile(r)
	require.NoError(t, w.ready(r))
	assert.False(t, isDue(w.secret().Data, []string{serviceName}, w.now), "covers the former names")
}

// Of two replicas that renew at once the later one uses what the other has written.
func TestConflict(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	w.reconcile(r)
	w.now = w.now.Add(lifetime - renewBefore + day)
	var theirs map[string][]byte
	r.cached = interceptor.NewClient(w.client, interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if theirs == nil {
				faster := w.secret()
				var err error
				faster.Data, err = renew([]string{serviceName}, w.now)
				require.NoError(t, err)
				theirs = faster.Data
				require.NoError(t, c.Update(ctx, faster))
			}
			return c.Update(ctx, obj, opts...)
		},
	})
	assert.Equal(t, conflictPause, w.reconcile(r))
	w.reconcile(r)
	assert.Equal(t, theirs, w.secret().Data)
}

func TestRestartServesWhatItServed(t *testing.T) {
	w := newWorld(t)
	r := w.replica()
	served := r.served.read()
	require.NotNil(t, served)
	require.NoError(t, w.client.Delete(context.Background(), w.secret()))
	require.NoError(t, r.Bootstrap(context.Background(), w.client))
	assert.Equal(t, served, r.served.read())
}

func TestDirectory(t *testing.T) {
	d := directory(filepath.Join(t.TempDir(), "a", "b"))
	assert.Nil(t, d.read())
	require.NoError(t, d.write([]byte("not a pair")))
	assert.Nil(t, d.read(), "an invalid pair counts as missing")
	data, err := renew([]string{serviceName}, time.Now())
	require.NoError(t, err)
	require.NoError(t, d.write(pairOf(data)))
	assert.Equal(t, pairOf(data), d.read())

	entries, err := os.ReadDir(string(d))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "no temporary file is left")
	info, err := os.Stat(d.file())
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func countCertificates(bundle []byte) (n int) {
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		n++
	}
	return n
}

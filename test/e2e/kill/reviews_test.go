package kill

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

// webhookConfiguration is the one of rcroll.
const webhookConfiguration = "rcroll"

// reviewHeader says in words what a review is about.
const reviewHeader = "X-Review"

// reviewRouter stands between the API server and the webhooks, and gives a review to
// the one that is responsible for its namespace.
type reviewRouter struct {
	general http.Handler
	mu      sync.Mutex
	special map[string]http.Handler
}

// ServeHTTP implements http.Handler.
func (router *reviewRouter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var review admissionv1.AdmissionReview
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err != nil || review.Request == nil {
		http.Error(w, fmt.Sprint("not a review: ", err), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set(reviewHeader, describeReview(review.Request))
	router.handler(review.Request.Namespace).ServeHTTP(w, r)
}

func describeReview(request *admissionv1.AdmissionRequest) string {
	user := request.UserInfo.Username[strings.LastIndex(request.UserInfo.Username, ":")+1:]
	return abbreviate(fmt.Sprintf("%s %s by %s%s", strings.ToLower(string(request.Operation)), request.Name, user,
		changeOf(request.Object.Raw)))
}

func (router *reviewRouter) handler(namespace string) http.Handler {
	router.mu.Lock()
	defer router.mu.Unlock()
	if special, found := router.special[namespace]; found {
		return special
	}
	return router.general
}

// route gives the reviews of a namespace to a handler until the test ends.
func (router *reviewRouter) route(t *testing.T, namespace string, handler http.Handler) {
	t.Helper()
	router.mu.Lock()
	defer router.mu.Unlock()
	router.special[namespace] = handler
	t.Cleanup(func() {
		router.mu.Lock()
		defer router.mu.Unlock()
		delete(router.special, namespace)
	})
}

// interposeReviews puts a router between the API server and the webhook until the
// test ends.
func interposeReviews(t *testing.T) *reviewRouter {
	t.Helper()
	configurations := harness.Cluster(t).Client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := configurations.Get(context.Background(), webhookConfiguration, metav1.GetOptions{})
	require.NoError(t, err)
	original, err := url.Parse(*configuration.Webhooks[0].ClientConfig.URL)
	require.NoError(t, err)

	router := &reviewRouter{general: webhookAt(original.Host), special: map[string]http.Handler{}}
	server := httptest.NewTLSServer(router)
	// The webhook puts its own CA in front of this one, so that both are trusted.
	trusted := certificateOf(server)
	redirectReviews(t, trusted, server.Listener.Addr().String(), server.Listener.Addr().String())
	isInterposed := router.probe(t)
	require.Eventually(t, isInterposed, harness.Patience, 100*time.Millisecond)
	t.Cleanup(func() {
		redirectReviews(t, nil, original.Host, original.Host)
		assert.Eventually(t, func() bool { return !isInterposed() }, harness.Patience, 100*time.Millisecond)
		server.Close()
	})
	return router
}

// redirectReviews makes the API server call other hosts with the reviews of
// ReplicationControllers and with those of their scale. A CA that is given replaces
// those that are trusted, to which the webhook adds its own.
func redirectReviews(t *testing.T, ca []byte, hosts ...string) {
	t.Helper()
	configurations := harness.Cluster(t).Client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := configurations.Get(context.Background(), webhookConfiguration, metav1.GetOptions{})
	require.NoError(t, err)
	var patch []map[string]any
	for i, host := range hosts {
		u, err := url.Parse(*configuration.Webhooks[i].ClientConfig.URL)
		require.NoError(t, err)
		u.Host = host
		field := fmt.Sprintf("/webhooks/%d/clientConfig/", i)
		patch = append(patch, map[string]any{"op": "replace", "path": field + "url", "value": u.String()})
		if ca != nil {
			patch = append(patch, map[string]any{"op": "replace", "path": field + "caBundle", "value": ca})
		}
	}
	body, err := json.Marshal(patch)
	require.NoError(t, err)
	_, err = configurations.Patch(context.Background(), webhookConfiguration, types.JSONPatchType, body, metav1.PatchOptions{})
	require.NoError(t, err)
}

// probe returns a function that reports whether the API server calls the router.
func (router *reviewRouter) probe(t *testing.T) func() bool {
	t.Helper()
	client := harness.Cluster(t).Client
	var called atomic.Bool
	router.route(t, metav1.NamespaceDefault, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called.Store(true)
		router.general.ServeHTTP(w, r)
	}))
	return func() bool {
		called.Store(false)
		return tryReview(client) == nil && called.Load()
	}
}

// tryReview has the API server call the webhook, for nothing.
func tryReview(client kubernetes.Interface) error {
	rc := &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{
		// Only one that has to do with rcroll is reviewed.
		Name: "probe", Annotations: map[string]string{api.PausedAnnotation: "true"},
	}}
	rc.Spec.Selector = map[string]string{"app": "probe"}
	rc.Spec.Template = &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: rc.Spec.Selector},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: "probe"}}},
	}
	_, err := client.CoreV1().ReplicationControllers(metav1.NamespaceDefault).
		Create(context.Background(), rc, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// webhookAt proxies to a webhook. Its certificate is the API server's to check, and
// checked where no proxy is in between.
func webhookAt(host string) http.Handler {
	return &httputil.ReverseProxy{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: host}) },
		ErrorLog:  silent,
	}
}

// withWebhookKilled runs the story, with the webhook killed at one of its reviews.
func (st story) withWebhookKilled(s *scenario, r *interruption, past map[string]bool, reviews *reviewRouter) (struck bool) {
	dir := s.TempDir() // outlives the process, as an emptyDir does
	victim := runWebhook(s.T, nil, dir)
	victim.awaitReady()
	g := newGate(webhookAt("localhost:"+victim.port), func(r *http.Request) string { return r.Header.Get(reviewHeader) })
	reviews.route(s.T, s.Namespace, g)
	runAgent(s.T, serve(s.T, apiServerFor(s.T, s.Namespace)), alone)
	arm := func() { g.arm(past, r.when, victim.kill) }
	return st.interrupted(s, r, g, arm, func() {
		fresh := runWebhook(s.T, nil, dir)
		reviews.route(s.T, s.Namespace, webhookAt("localhost:"+fresh.port))
	})
}

package matrix

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/rcroll/rcroll/test/e2e/harness"
	"github.com/rcroll/rcroll/test/golden"
)

const (
	reviewsDirectory = "../../../pkg/webhook/testdata/reviews"

	// recordedLabel is on the namespaces whose reviews are recorded.
	recordedLabel = "example.com/recorded"

	// mostRecorded is the size of a review that is too large to be kept for ever.
	mostRecorded = 256 << 10

	// The API server calls webhooks in the order of their names: the recorder sees
	// what rcroll is going to see.
	recorderName = "a-recorder"
)

// recorder is an admission webhook that lets everything pass, and keeps the reviews
// that rcroll's webhook gets as well. One that is nil records nothing.
type recorder struct {
	mu      sync.Mutex
	reviews map[string][]json.RawMessage // by namespace
	cases   map[string][]golden.Case     // by the edit's name
}

// startRecorder installs a recorder until the test and its subtests are over; then
// the recordings are saved. Without -update there is none.
func startRecorder(t *testing.T) *recorder {
	t.Helper()
	if !*update {
		return nil
	}
	r := &recorder{reviews: map[string][]json.RawMessage{}, cases: map[string][]golden.Case{}}
	server := httptest.NewTLSServer(r)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	configurations := harness.Cluster(t).Client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	ctx := context.Background()
	rcroll, err := configurations.Get(ctx, "rcroll", metav1.GetOptions{})
	require.NoError(t, err)
	copied := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: recorderName}, Webhooks: rcroll.Webhooks}
	for i := range copied.Webhooks {
		webhook := &copied.Webhooks[i]
		webhook.ClientConfig = admissionregistrationv1.WebhookClientConfig{URL: ptr.To(server.URL), CABundle: ca}
		webhook.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{recordedLabel: "true"}}
		webhook.SideEffects = ptr.To(admissionregistrationv1.SideEffectClassNone)
	}
	_, err = configurations.Create(ctx, copied, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, configurations.Delete(ctx, recorderName, metav1.DeleteOptions{}))
		server.Close()
		r.save(t)
	})
	return r
}

// ServeHTTP keeps a review and allows what it is about.
func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	var review admissionv1.AdmissionReview
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err != nil || review.Request == nil {
		http.Error(w, "not a review", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	if list, recording := r.reviews[review.Request.Namespace]; recording && isUsers(review.Request) && len(body) < mostRecorded {
		r.reviews[review.Request.Namespace] = append(list, body)
	}
	r.mu.Unlock()
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review)
}

// isUsers reports whether a review is the edit's, and not one of the components that
// work meanwhile.
func isUsers(request *admissionv1.AdmissionRequest) bool {
	return slices.Contains([]string{"admin", autoscaler}, request.UserInfo.Username)
}

// label makes the API server send the reviews of a scenario's namespace.
func (r *recorder) label(s *scenario) {
	if r == nil {
		return
	}
	_, err := s.Cluster.Client.CoreV1().Namespaces().Patch(context.Background(), s.Namespace, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"`+recordedLabel+`":"true"}}}`), metav1.PatchOptions{})
	require.NoError(s, err)
}

// during records the reviews of an edit.
func (r *recorder) during(a *attempt, edit func() answer) answer {
	a.Helper()
	// What leaves a rollout alone comes without one, or while there is one.
	if r == nil || a.row.sharing && a.moment.name != before && a.moment.name != underWay {
		return edit()
	}
	stored, err := a.RCs().Get(context.Background(), a.edited(), metav1.GetOptions{})
	require.NoError(a, err)
	stored.APIVersion, stored.Kind = "v1", "ReplicationController"
	r.mu.Lock()
	r.reviews[a.Namespace] = []json.RawMessage{}
	r.mu.Unlock()
	got := edit()
	r.mu.Lock()
	defer r.mu.Unlock()
	c := golden.Case{
		Moment: a.moment.name, Meaning: string(a.cell.means), Words: a.cell.says, Wanted: a.wanted(), Stored: jsonOf(a.scenario, stored),
		ByServer: got.failure != "" && !strings.Contains(got.failure, "denied the request"), // by a webhook, that is
		Reviews:  r.reviews[a.Namespace],
	}
	delete(r.reviews, a.Namespace)
	c, err = golden.Normalise(c, a.Namespace)
	require.NoError(a, err)
	r.cases[a.row.name] = append(r.cases[a.row.name], c)
	return got
}

func (r *recorder) save(t *testing.T) {
	directory, err := filepath.Abs(reviewsDirectory)
	require.NoError(t, err)
	for edit, cases := range r.cases {
		assert.NoError(t, golden.Save(directory, edit, cases))
	}
}

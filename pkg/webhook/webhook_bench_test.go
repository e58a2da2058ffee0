package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rcroll/rcroll/pkg/api"
)

// BenchmarkReview is all that happens between the body of a request and that of the
// answer. What is requested is pending already, so that nobody is asked.
func BenchmarkReview(b *testing.B) {
	const spec8 = `{"replicas":5,"selector":{"app":"tomcat"},"template":{"metadata":{"labels":{"app":"tomcat"}},"spec":{"containers":[{"name":"tomcat","image":"tomcat:8"}]}}}`
	annotations, err := json.Marshal(map[string]string{"rcroll.dev/request": spec8})
	if err != nil {
		b.Fatal(err)
	}
	request := update("alice", rc(string(annotations), spec7), rc(string(annotations), spec8)).AdmissionRequest
	request.UID = "review"
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request:  &request,
	})
	if err != nil {
		b.Fatal(err)
	}
	handler := &admission.Webhook{Handler: reviewing(judge{}, options)}
	b.ReportAllocs()
	for b.Loop() {
		post := httptest.NewRequest(http.MethodPost, ControllerPath, bytes.NewReader(body))
		post.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, post)
		if !bytes.Contains(recorder.Body.Bytes(), []byte(`"allowed":true`)) {
			b.Fatal(recorder.Body.String())
		}
	}
}

// BenchmarkLargeReview is the most that an API server sends: objects as large as it takes
// them, with and without a request pending. What is allocated for one, most of which is
// free again before it ends, stands beside the estimate by which reviews are admitted.
func BenchmarkLargeReview(b *testing.B) {
	spec := func(value string) string {
		env := make([]map[string]string, 30_000)
		for i := range env {
			env[i] = map[string]string{"name": fmt.Sprintf("VARIABLE_%d", i), "value": value + "-which-is-longer-than-most-of-them-are"}
		}
		text, err := json.Marshal(map[string]any{"replicas": 5, "selector": map[string]string{"app": "tomcat"}, "template": map[string]any{
			"metadata": map[string]any{"labels": map[string]string{"app": "tomcat"}},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": "tomcat", "image": "tomcat:" + value, "env": env}}},
		}})
		require.NoError(b, err)
		return string(text)
	}
	pending, err := json.Marshal(map[string]string{api.RequestAnnotation: spec7})
	require.NoError(b, err)
	for name, annotations := range map[string]string{"nothing pending": "{}", "pending": string(pending)} {
		b.Run(name, func(b *testing.B) {
			request := update("alice", rc(annotations, spec("1")), rc(annotations, spec("2"))).AdmissionRequest
			request.UID = "review"
			body, err := json.Marshal(admissionv1.AdmissionReview{
				TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &request})
			require.NoError(b, err)
			handler := newBounds().limit(&admission.Webhook{Handler: reviewing(judge{}, options)})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				post := httptest.NewRequest(http.MethodPost, ControllerPath, bytes.NewReader(body))
				post.Header.Set("Content-Type", "application/json")
				handler.ServeHTTP(httptest.NewRecorder(), post)
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(len(body))/(1<<20), "MiB/body")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/(1<<20), "MiB-allocated/review")
			b.ReportMetric(float64(memoryOf(body))/(1<<20), "MiB-estimated/review")
		})
	}
}

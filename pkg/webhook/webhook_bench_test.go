package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
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

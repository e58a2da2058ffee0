package security

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/webhook"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

// webhookHost is where the API server calls the webhook.
func webhookHost(t *testing.T) string {
	t.Helper()
	configuration, err := harness.Cluster(t).Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), "rcroll", metav1.GetOptions{})
	require.NoError(t, err)
	target, err := url.Parse(*configuration.Webhooks[0].ClientConfig.URL)
	require.NoError(t, err)
	return target.Host
}

// post sends a body to the webhook's port, as anybody in the network can.
func (s *stage) post(path, contentType string, body []byte, headers ...string) (int, string) {
	s.Helper()
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, ExpectContinueTimeout: 5 * time.Second}}
	request, err := http.NewRequestWithContext(s.Context(), http.MethodPost, "https://"+webhookHost(s.T)+path, bytes.NewReader(body))
	require.NoError(s, err)
	request.Header.Set("Content-Type", contentType)
	for _, header := range headers {
		key, value, _ := strings.Cut(header, ": ")
		request.Header.Set(key, value)
	}
	response, err := client.Do(request)
	require.NoError(s, err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	require.NoError(s, err)
	return response.StatusCode, string(answer)
}

// forgery is a review that nobody asked for.
type forgery struct {
	path      string
	operation admissionv1.Operation
	user      authenticationv1.UserInfo

	// uid and version are what it says of the live object.
	uid, version string

	// after changes the object of the write.
	after func(object map[string]any)
}

func (f forgery) body(namespace string) []byte {
	object := func(edit func(map[string]any)) runtime.RawExtension {
		metadata := map[string]any{"name": rolling, "namespace": namespace, "uid": f.uid, "resourceVersion": f.version}
		object := map[string]any{"apiVersion": "v1", "kind": "ReplicationController", "metadata": metadata, "spec": map[string]any{
			"replicas": 5, "selector": map[string]any{"app": "tomcat"}, "template": map[string]any{
				"metadata": map[string]any{labels: map[string]any{"app": "tomcat"}},
				"spec":     map[string]any{"containers": []any{map[string]any{"name": "tomcat", "image": "tomcat:7"}}}}}}
		if f.path == webhook.ScalePath {
			object = map[string]any{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": map[string]any{"replicas": 5}}
		}
		if edit != nil {
			edit(object)
		}
		return runtime.RawExtension{Raw: []byte(encode(object))}
	}
	operation := f.operation
	if operation == "" {
		operation = admissionv1.Update
	}
	return []byte(encode(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "forged", Namespace: namespace, Name: rolling, Operation: operation, UserInfo: f.user,
			OldObject: object(nil), Object: object(f.after),
			Options: runtime.RawExtension{Raw: []byte(`{"kind":"UpdateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"kubectl-edit"}`)},
		},
	}))
}

// posted sends the forgery about the stage, and about a namespace that there is not, and
// has the two answers alike: none tells of what there is.
func (f forgery) posted(s *stage) error {
	s.Helper()
	var answers [2]admissionv1.AdmissionResponse
	var patches [2][]any // in no order
	for i, namespace := range []string{s.Namespace, "there-is-no-such-namespace"} {
		_, answer := s.post(f.path, "application/json", f.body(namespace))
		var review admissionv1.AdmissionReview
		require.NoError(s, json.Unmarshal([]byte(strings.ReplaceAll(answer, namespace, "NAMESPACE")), &review))
		require.NotNil(s, review.Response)
		answers[i] = *review.Response
		assert.Empty(s, review.Response.Warnings)
		if len(review.Response.Patch) > 0 {
			require.NoError(s, json.Unmarshal(review.Response.Patch, &patches[i]))
		}
		answers[i].Patch = nil
	}
	assert.Equal(s, answers[0], answers[1], "what there is, is not told")
	assert.ElementsMatch(s, patches[0], patches[1], "what there is, is not told")
	return nil
}

func image(object map[string]any) {
	object["spec"].(map[string]any)["template"].(map[string]any)["spec"] = map[string]any{
		"containers": []any{map[string]any{"name": "tomcat", "image": "tomcat:9"}}}
}

func none(object map[string]any) { object["spec"].(map[string]any)["replicas"] = 0 }

func networkAttempts() []attempt {
	var all []attempt
	review := func(kind, what string, f forgery) {
		all = append(all, attempt{kind, network, what, noEffect, f.posted})
	}
	masters := authenticationv1.UserInfo{Username: "admin", Groups: []string{"system:masters"}}
	for name, known := range map[string]struct{ uid, version string }{
		"nothing known": {"", ""}, "a guess": {"9d2a1f1e-0000-4000-8000-000000000000", "1"},
	} {
		review("S1", "a forged review of a scale to 0, "+name, forgery{path: webhook.ScalePath, user: masters, uid: known.uid, version: known.version, after: none})
		review("S2", "a forged review of an edit, "+name, forgery{path: webhook.ControllerPath, user: masters, uid: known.uid, version: known.version, after: image})
	}
	for name, user := range map[string]string{
		"the agent": harness.Account("rcroll-agent"), "the webhook": harness.Account("rcroll-webhook"),
		"the garbage collector": "system:serviceaccount:kube-system:generic-garbage-collector", "an autoscaler": "system:serviceaccount:kube-system:horizontal-pod-autoscaler",
	} {
		u := authenticationv1.UserInfo{Username: user}
		review("S1", "a forged review of a scale in the name of "+name, forgery{path: webhook.ScalePath, user: u, after: none})
		review("S2", "a forged review of an edit in the name of "+name, forgery{path: webhook.ControllerPath, user: u, after: image})
	}
	command := func(object map[string]any) {
		object["metadata"].(map[string]any)[annotations] = map[string]any{api.CommandAnnotation: api.Command{Operation: api.Seal, Hash: hash}.String()}
	}
	review("S1", "a forged command in the name of the agent", forgery{path: webhook.ControllerPath,
		user: authenticationv1.UserInfo{Username: harness.Account("rcroll-agent")}, after: command})
	for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Delete, admissionv1.Connect} {
		review("S2", "a forged "+string(operation), forgery{path: webhook.ControllerPath, operation: operation, user: masters, after: image})
		review("S1", "a forged "+string(operation)+" of a scale", forgery{path: webhook.ScalePath, operation: operation, user: masters, after: none})
	}
	return append(all, bodyAttempts()...)
}

// bodyAttempts send what is no review. Each has to be answered as the client's fault, and
// soon.
func bodyAttempts() []attempt {
	body := func(kind, what, contentType string, content []byte, headers ...string) attempt {
		return attempt{kind, network, what, noEffect, func(s *stage) error {
			began := time.Now()
			for _, path := range []string{webhook.ControllerPath, webhook.ScalePath} {
				code, answer := s.post(path, contentType, content, headers...)
				if code == http.StatusOK {
					var review admissionv1.AdmissionReview
					require.NoError(s, json.Unmarshal([]byte(answer), &review))
					require.NotNil(s, review.Response)
					assert.False(s, review.Response.Allowed)
					code = int(review.Response.Result.Code)
				}
				assert.GreaterOrEqual(s, code, 400)
				assert.Less(s, code, 500)
			}
			assert.Less(s, time.Since(began), 10*time.Second)
			return nil
		}}
	}
	const isJSON = "application/json"
	huge := []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"object":{"a":[` + strings.Repeat(`{"a":0},`, 400_000) + `0]}}}`)
	return []attempt{
		body("S3", "an empty body", isJSON, nil),
		body("S3", "another format", "application/yaml", []byte("a: b")),
		body("S3", "a body of 8 MB", isJSON, bytes.Repeat([]byte(" "), 8<<20), "Expect: 100-continue"),
		body("S3", "a review made to take memory", isJSON, huge),
		body("S3", "lists nested 1,000,000 times", isJSON, []byte(strings.Repeat("[", 1_000_000))),
		body("S3", "objects nested 20,000 times in a review", isJSON, []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"a","operation":"UPDATE","object":`+
			strings.Repeat(`{"a":`, 20_000)+"1"+strings.Repeat("}", 20_000)+"}}")),
		body("S3", "a compressed body", isJSON, []byte{0x1f, 0x8b, 0x08}, "Content-Encoding: gzip"),
		body("S2", "a review of an older version", isJSON, []byte(`{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":null}`)),
		{"S2", network, "other paths of the webhook's port", noEffect, func(s *stage) error {
			for _, path := range []string{"/", "/metrics", "/debug/pprof/", "/debug/pprof/heap", "/mutate-rc/../metrics", "/convert"} {
				code, _ := s.post(path, isJSON, nil)
				assert.Equal(s, http.StatusNotFound, code, path)
			}
			return nil
		}},
		{"S2", network, "an old version of TLS", noEffect, func(s *stage) error {
			_, err := tls.Dial("tcp", webhookHost(s.T), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
			assert.Error(s, err)
			return nil
		}},
		{"S2", network, "the API server, without a name", refused, func(s *stage) error {
			return s.patch(rolling, "application/merge-patch+json", `{"spec":{"replicas":0}}`, "scale")
		}},
	}
}

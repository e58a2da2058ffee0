package policies

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rcroll/rcroll/pkg/api"
	"github.com/rcroll/rcroll/pkg/webhook"
	"github.com/rcroll/rcroll/test/e2e/harness"
)

// forge posts a review to the webhook's port, as anybody in the network can.
func forge(t *testing.T, path, namespace, name string, before, after string) *admissionv1.AdmissionResponse {
	t.Helper()
	configuration, err := harness.Cluster(t).Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), "rcroll", metav1.GetOptions{})
	require.NoError(t, err)
	target, err := url.Parse(*configuration.Webhooks[0].ClientConfig.URL)
	require.NoError(t, err)
	target.Path = path
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "forged", Namespace: namespace, Name: name, Operation: admissionv1.Update,
			UserInfo:  authenticationv1.UserInfo{Username: "admin", Groups: []string{"system:masters"}},
			OldObject: runtime.RawExtension{Raw: []byte(before)}, Object: runtime.RawExtension{Raw: []byte(after)},
			Options: runtime.RawExtension{Raw: []byte(`{"kind":"UpdateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"kubectl-scale"}`)},
		},
	})
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	response, err := client.Post(target.String(), "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var review admissionv1.AdmissionReview
	require.NoError(t, json.Unmarshal(answer, &review), "%s", answer)
	require.NotNil(t, review.Response)
	return review.Response
}

// Who reaches the webhook's port, and may not read the object, changes nothing by what he
// posts there and learns nothing.
func TestForgedReviews(t *testing.T) {
	t.Parallel()
	s := pausedHalfway(t)
	before := s.Stored()
	scale := func(uid types.UID, version, replicas string) string {
		return `{"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"tomcat","namespace":"` + s.Namespace + `","uid":"` + string(uid) +
			`","resourceVersion":"` + version + `"},"spec":{"replicas":` + replicas + `}}`
	}
	for name, known := range map[string]struct {
		uid     types.UID
		version string
	}{
		"who knows nothing":                        {"", ""},
		"who guesses":                              {"9d2a1f1e-0000-4000-8000-000000000000", before.ResourceVersion},
		"who knows the UID from elsewhere":         {before.UID, "1"},
		"who knows the UID, and states no version": {before.UID, ""},
	} {
		t.Run(name, func(t *testing.T) {
			answer := forge(t, webhook.ScalePath, s.Namespace, "tomcat", scale(known.uid, known.version, "3"), scale(known.uid, known.version, "0"))
			assert.False(t, answer.Allowed)
			assert.Empty(t, answer.Patch)
			assert.Equal(t, before.Annotations[api.RequestAnnotation], s.Stored().Annotations[api.RequestAnnotation])
		})
	}

	rc := func(namespace, image string) string {
		return `{"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"tomcat","namespace":"` + namespace + `","uid":"a","resourceVersion":"1"},` +
			`"spec":{"replicas":1,"selector":{"app":"tomcat"},"template":{"metadata":{"labels":{"app":"tomcat"}},"spec":{"containers":[{"name":"tomcat","image":"` + image + `"}]}}}}`
	}
	var answers []*admissionv1.AdmissionResponse
	for _, namespace := range []string{s.Namespace, "there-is-no-such-namespace"} {
		answers = append(answers, forge(t, webhook.ControllerPath, namespace, "tomcat", rc(namespace, "tomcat:7"), rc(namespace, "")))
	}
	for _, answer := range answers {
		assert.Equal(t, answers[0].Allowed, answer.Allowed, "what there is, is not told")
		assert.Equal(t, answers[0].Result, answer.Result)
		assert.Len(t, answer.Patch, len(answers[0].Patch))
		assert.Empty(t, answer.Warnings)
	}
}
